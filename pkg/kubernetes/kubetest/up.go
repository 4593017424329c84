package kubetest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// startPatience is for a machine on which much else runs.
const startPatience = 3 * time.Minute

// up is a process of bin/devcluster.
type up struct {
	dir    string
	args   []string // beyond --dir
	cmd    *exec.Cmd
	stdin  io.Closer
	exited chan struct{}
}

// start returns when the cluster can be used. The process ends with this one
// even if that is killed: its standard input then ends.
func (u *up) start() error {
	binary, err := findBinary()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(u.dir, 0o700); err != nil {
		return err
	}
	logs, err := os.Create(filepath.Join(u.dir, "up.log"))
	if err != nil {
		return err
	}
	defer logs.Close()
	args := append([]string{"up", "--stop-with-stdin", "--dir", u.dir}, u.args...)
	u.cmd = exec.Command(binary, args...) //nolint:gosec,noctx // our own binary, or DEVCLUSTER_BIN; it ends by stop
	u.cmd.Stderr = logs
	if u.stdin, err = u.cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := u.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := u.cmd.Start(); err != nil {
		return err
	}
	line := make(chan string, 1)
	u.exited = make(chan struct{})
	go func() {
		first, _ := bufio.NewReader(stdout).ReadString('\n')
		line <- first
		_ = u.cmd.Wait()
		close(u.exited)
	}()
	return u.awaitReady(line, logs.Name())
}

func (u *up) awaitReady(line <-chan string, logs string) error {
	select {
	case first := <-line:
		if strings.HasPrefix(first, "ready ") {
			return nil
		}
	case <-time.After(startPatience):
	}
	u.kill()
	text, err := os.ReadFile(logs)
	return errors.Join(fmt.Errorf("the cluster did not start:\n%s", text), err)
}

// stop ends the process in good order, and by force when it takes too long.
func (u *up) stop() {
	if !u.running() {
		return
	}
	_ = u.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-u.exited:
	case <-time.After(time.Minute):
		u.kill()
	}
}

// kill ends the process the hard way.
func (u *up) kill() {
	_ = u.cmd.Process.Kill()
	<-u.exited
}

func (u *up) running() bool {
	if u.exited == nil {
		return false
	}
	select {
	case <-u.exited:
		return false
	default:
		return true
	}
}

// findBinary looks for bin/devcluster in the module that the test is part of.
func findBinary() (string, error) {
	if path := os.Getenv("DEVCLUSTER_BIN"); path != "" {
		return path, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if data, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(data), "module github.com/kubeorch/core\n") {
			path := filepath.Join(dir, "bin", "devcluster")
			if _, err := os.Stat(path); err != nil {
				return "", fmt.Errorf("%s is missing; run: make devcluster", path)
			}
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("this test does not run inside the module github.com/kubeorch/core, so bin/devcluster cannot be found")
		}
		dir = filepath.Dir(dir)
	}
}
