package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a running program. It ends with this one even if that is killed.
type process struct {
	cmd    *exec.Cmd
	killed bool          // by the test
	exited chan struct{} // closed when the process has ended
	err    error         // how it ended; read after exited
}

// begin starts a program.
func begin(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	endWithTests(cmd)
	started := make(chan error)
	go func() {
		// What ends the process is the end of the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.exited)
		}
	}()
	return p, <-started
}

// stop ends the process by SIGTERM, requires that it exits with 0 and returns how
// long that took.
func (p *process) stop(t *testing.T) time.Duration {
	t.Helper()
	begin := time.Now()
	require.NoError(t, p.terminate())
	return time.Since(begin)
}

func (p *process) terminate() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
		return p.err
	case <-time.After(40 * time.Second):
		return errors.New("the process does not stop")
	}
}

// kill ends the process as kill -9 does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.killed = true
	require.NoError(t, p.cmd.Process.Kill())
	<-p.exited
	status, ok := errors.AsType[*exec.ExitError](p.err)
	require.True(t, ok, "it had ended by itself: %v", p.err)
	require.Equal(t, -1, status.ExitCode(), "it had ended by itself")
}

// freeze stops the process where it is, as a machine that hangs does, until thaw
// or the end of the test.
func (p *process) freeze(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGSTOP))
	t.Cleanup(func() { _ = p.cmd.Process.Signal(syscall.SIGCONT) })
}

// thaw lets a frozen process go on.
func (p *process) thaw(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGCONT))
}

// logBuffer keeps what a process prints.
type logBuffer struct {
	address   chan string    // gets where the process listens
	listening *regexp.Regexp // finds that

	mu    sync.Mutex
	buf   bytes.Buffer
	found bool // address has it
}

func newLogBuffer(listening *regexp.Regexp) *logBuffer {
	return &logBuffer{address: make(chan string, 1), listening: listening}
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.buf.Write(p)
	if !b.found {
		if m := b.listening.FindSubmatch(b.buf.Bytes()); m != nil {
			b.found = true
			b.address <- string(m[1])
		}
	}
	return n, err
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
