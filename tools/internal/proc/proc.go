// Package proc runs the programs that the demo and the benchmarks need. They end
// with their caller.
package proc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long a program may take to stop before it is killed.
const stopTime = 20 * time.Second

// Process is a running child program.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the program has ended
	err  error         // how it ended; read after done
	tail *tail
}

// Start runs name with args and env added to the environment. Lines that the
// program prints on stdout and stderr are passed to line, one call at a time;
// line may be nil. The program is killed when its caller dies.
func Start(line func(string), env []string, name string, args ...string) (*Process, error) {
	p := &Process{done: make(chan struct{}), tail: &tail{}}
	started := make(chan error, 1)
	go p.run(started, line, env, name, args)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// run owns the program from its start to its end. It keeps its thread: the
// kernel sends the parent-death signal when the thread that started the child
// ends, not when the process does.
func (p *Process) run(started chan<- error, line func(string), env []string, name string, args []string) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, w := io.Pipe()
	p.cmd = exec.Command(name, args...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = w, w
	// With its own process group the child does not get Ctrl-C of the terminal:
	// its caller stops it in the right order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	var reading sync.WaitGroup
	reading.Go(func() { p.read(r, line) })
	started <- nil
	p.err = p.cmd.Wait()
	_ = w.Close()
	reading.Wait()
	close(p.done)
}

func (p *Process) read(r io.Reader, line func(string)) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		p.tail.add(sc.Text())
		if line != nil {
			line(sc.Text())
		}
	}
	_, _ = io.Copy(io.Discard, r)
}

// PID returns the program's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Tail returns the last lines of the program's output.
func (p *Process) Tail() string { return p.tail.String() }

// Stop asks the program to end, waits, and kills it after 20 s.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopTime):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// Await starts a program as Start does and waits until one of its lines makes
// ready return true. It fails when the program ends or ctx does before that.
func Await(ctx context.Context, ready func(string) bool, env []string, name string, args ...string) (*Process, error) {
	seen := make(chan struct{})
	p, err := Start(func(l string) {
		select {
		case <-seen: // reading further lines would disturb a benchmark
		default:
			if ready(l) {
				close(seen)
			}
		}
	}, env, name, args...)
	if err != nil {
		return nil, err
	}
	select {
	case <-seen:
		return p, nil
	case <-p.done:
		return nil, fmt.Errorf("%s ended before it was ready: %w\n%s", name, errors.Join(p.err), p.Tail())
	case <-ctx.Done():
		p.Stop()
		return nil, fmt.Errorf("%s was not ready in time: %w\n%s", name, ctx.Err(), p.Tail())
	}
}

// tailLines is enough to show why a program failed.
const tailLines = 20

type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(l string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, l)
	if len(t.lines) > tailLines {
		t.lines = t.lines[1:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
