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

// startTimeout allows for a busy machine.
const startTimeout = 3 * time.Minute

// devcluster is a process of bin/devcluster.
type devcluster struct {
	dir    string
	args   []string // beyond --dir
	cmd    *exec.Cmd
	stdin  io.Closer
	exited chan struct{}
}

// start starts the process and returns when the cluster is ready. The process
// ends with this one, even if this one is killed, since its standard input ends.
func (d *devcluster) start() error {
	binary, err := findBinary()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	logs, err := os.Create(filepath.Join(d.dir, "up.log"))
	if err != nil {
		return err
	}
	defer logs.Close()
	args := append([]string{"up", "--stop-with-stdin", "--dir", d.dir}, d.args...)
	d.cmd = exec.Command(binary, args...) //nolint:gosec,noctx // our own binary, or DEVCLUSTER_BIN; it ends by stop
	d.cmd.Stderr = logs
	if d.stdin, err = d.cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	line := make(chan string, 1)
	d.exited = make(chan struct{})
	go func() {
		first, _ := bufio.NewReader(stdout).ReadString('\n')
		line <- first
		_ = d.cmd.Wait()
		close(d.exited)
	}()
	return d.awaitReady(line, logs.Name())
}

func (d *devcluster) awaitReady(line <-chan string, logs string) error {
	select {
	case first := <-line:
		if strings.HasPrefix(first, "ready ") {
			return nil
		}
	case <-time.After(startTimeout):
	}
	d.kill()
	text, err := os.ReadFile(logs)
	return errors.Join(fmt.Errorf("the cluster did not start:\n%s", text), err)
}

// stop ends the process by SIGTERM, and kills it if that takes too long.
func (d *devcluster) stop() {
	if !d.running() {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(time.Minute):
		d.kill()
	}
}

// kill kills the process and waits for its end.
func (d *devcluster) kill() {
	_ = d.cmd.Process.Kill()
	<-d.exited
}

func (d *devcluster) running() bool {
	if d.exited == nil {
		return false
	}
	select {
	case <-d.exited:
		return false
	default:
		return true
	}
}

// findBinary returns DEVCLUSTER_BIN, or bin/devcluster of the module that the test
// is in.
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
