package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asServer makes the test binary the server, for the tests that kill it.
const asServer = "KUBEORCH_TEST_SERVER"

// beServer is main for a process of a test. It ends with the test even if that
// is killed: its standard input then ends.
func beServer() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	main()
}

// process is a server in a process of its own.
type process struct {
	*running
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has
	err    error         // how; read after exited
}

// spawn is start for a process of its own.
func spawn(t *testing.T, dir string) *process {
	t.Helper()
	p := &process{running: &running{log: &logBuffer{}}, exited: make(chan struct{})}
	p.cmd = exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this very binary
	p.cmd.Env = append(os.Environ(), asServer+"=1", "DATA_DIR="+dir, "HOST=127.0.0.1", "PORT=0", "LOG_LEVEL=debug", "GIN_MODE=test", "PASSWORD_COST=10")
	p.cmd.Dir = dir
	p.cmd.Stderr = p.log
	stdin, err := p.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	p.stop = sync.OnceValue(func() error {
		_ = stdin.Close()
		_ = p.cmd.Process.Kill()
		<-p.exited
		return nil
	})
	t.Cleanup(func() { _ = p.stop() })
	require.Eventually(t, func() bool {
		if m := address.FindStringSubmatch(p.log.String()); m != nil {
			p.url = "http://" + m[1]
		}
		return p.url != "" || p.ended()
	}, time.Minute, 5*time.Millisecond)
	require.NotEmpty(t, p.url, p.log.String())
	return p
}

func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// kill ends the process as kill -9 does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill())
	<-p.exited
	status, ok := errors.AsType[*exec.ExitError](p.err)
	require.True(t, ok, "it had ended by itself: %v", p.err)
	require.Equal(t, -1, status.ExitCode(), p.log.String())
}

// terminate asks the process to stop, requires that it does so in good order
// and returns how long it took.
func (p *process) terminate(t *testing.T) time.Duration {
	t.Helper()
	begin := time.Now()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		require.Fail(t, "it does not stop", p.log.String())
	}
	require.NoError(t, p.err, p.log.String())
	return time.Since(begin)
}
