package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// commands executes commands in pods: as processes of this machine, with the rights
// of devcluster itself.
type commands struct {
	ctx  context.Context
	stop context.CancelFunc
	dir  string // their working directory

	mu      sync.Mutex // orders running.Add before running.Wait
	running sync.WaitGroup
}

// hangUpChildren makes sure that commands end when their terminal is closed. Processes
// inherit that a signal is ignored, as after nohup, and not that it is caught.
func hangUpChildren() {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
}

// close kills all commands and returns when they are gone.
func (c *commands) close() {
	c.mu.Lock()
	c.stop()
	c.mu.Unlock()
	c.running.Wait()
}

// ExecInContainer implements remotecommand.Executor.
func (c *commands) ExecInContainer(_ context.Context, pod, _, _ string, argv []string, in io.Reader, out, errOut io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize, _ time.Duration) error {
	if len(argv) == 0 {
		return errors.New("no command")
	}
	c.mu.Lock()
	if err := c.ctx.Err(); err != nil {
		c.mu.Unlock()
		return err
	}
	c.running.Add(1)
	c.mu.Unlock()
	defer c.running.Done()

	// The command is tied to the thread that starts it; see childAttributes.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(c.ctx, argv[0], argv[1:]...)
	cmd.Dir = c.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "HOSTNAME=" + pod, "TERM=xterm"}
	cmd.SysProcAttr = childAttributes()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for background processes that keep its output open
	defer func() {
		// Kills its background processes, which end with the container in a real pod.
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	}()
	if tty {
		return exitOf(runInTerminal(cmd, in, out, resize))
	}
	return exitOf(runWithPipes(cmd, in, out, errOut))
}

func runWithPipes(cmd *exec.Cmd, in io.Reader, out, errOut io.Writer) error {
	cmd.Stdout, cmd.Stderr = out, errOut
	if in == nil {
		return cmd.Run()
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	// It ends with the connection, which is closed when the command is done.
	go func() {
		_, _ = io.Copy(stdin, in)
		_ = stdin.Close()
	}()
	return cmd.Wait()
}

// runInTerminal hangs up when the input ends, as a closed terminal does.
func runInTerminal(cmd *exec.Cmd, in io.Reader, out io.Writer, resize <-chan remotecommand.TerminalSize) error {
	attributes := cmd.SysProcAttr
	attributes.Setpgid, attributes.Setsid, attributes.Setctty = false, true, true
	terminal, err := pty.StartWithAttrs(cmd, nil, attributes)
	if err != nil {
		return err
	}
	defer terminal.Close()
	go func() {
		for size := range resize {
			_ = pty.Setsize(terminal, &pty.Winsize{Rows: size.Height, Cols: size.Width})
		}
	}()
	if in != nil {
		go func() {
			_, _ = io.Copy(terminal, in)
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGHUP)
		}()
	}
	// Reading fails when the last process has closed the terminal.
	_, _ = io.Copy(out, terminal)
	return cmd.Wait()
}

// exitOf turns the end of a command into what the protocol can report.
func exitOf(err error) error {
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it ended well; only its background processes still write
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	code := exit.ExitCode()
	if state, ok := exit.Sys().(syscall.WaitStatus); ok && state.Signaled() {
		code = 128 + int(state.Signal())
	}
	return utilexec.CodeExitError{Err: err, Code: code}
}
