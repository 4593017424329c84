package kubetest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Private is a cluster for one test, which may stop, kill or pause it. Its methods
// are not safe for concurrent use.
type Private struct {
	*Cluster
	process *devcluster
}

// NewPrivate starts a cluster and stops it when t ends. The arguments are
// further flags of "devcluster up", such as --nodes=1.
func NewPrivate(t testing.TB, args ...string) *Private {
	t.Helper()
	p := &Private{process: &devcluster{dir: filepath.Join(t.TempDir(), "cluster"), args: args}}
	t.Cleanup(func() {
		if p.Cluster != nil {
			_ = p.signalAPIServer(syscall.SIGCONT)
			p.close()
		}
		p.process.stop()
	})
	p.start(t)
	return p
}

func (p *Private) start(t testing.TB) {
	t.Helper()
	if err := p.process.start(); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.Cluster, err = open(p.process.dir); err != nil {
		t.Fatal(err)
	}
}

// Stop stops the cluster and keeps its data.
func (p *Private) Stop() { p.process.stop() }

// Kill ends the cluster as a crash does, and keeps its data. The API server may
// answer for some milliseconds more.
func (p *Private) Kill() {
	if p.process.running() {
		p.process.kill()
	}
}

// Restart starts the cluster again after Stop or Kill, usually at the same
// address.
func (p *Private) Restart(t testing.TB) {
	t.Helper()
	p.close()
	p.start(t)
}

// Pause makes the API server hang: it accepts connections and never answers.
func (p *Private) Pause(t testing.TB) {
	t.Helper()
	if err := p.signalAPIServer(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// Resume ends a Pause.
func (p *Private) Resume(t testing.TB) {
	t.Helper()
	if err := p.signalAPIServer(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

func (p *Private) signalAPIServer(signal syscall.Signal) error {
	data, err := os.ReadFile(filepath.Join(p.process.dir, "processes.json"))
	if err != nil {
		return err
	}
	var processes []struct {
		Name string `json:"name"`
		PID  int    `json:"pid"`
	}
	if err := json.Unmarshal(data, &processes); err != nil {
		return err
	}
	for _, process := range processes {
		if process.Name == "kube-apiserver" && p.process.running() {
			return syscall.Kill(process.PID, signal)
		}
	}
	return errors.New("the API server does not run")
}
