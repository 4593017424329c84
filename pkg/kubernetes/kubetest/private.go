package kubetest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Private is a cluster for one test, which may mistreat it. Its methods are
// for one goroutine at a time.
type Private struct {
	*Cluster
	up *up
}

// NewPrivate starts a cluster and stops it when t ends. The arguments are
// further flags of "devcluster up", such as --nodes=1.
func NewPrivate(t testing.TB, args ...string) *Private {
	t.Helper()
	p := &Private{up: &up{dir: filepath.Join(t.TempDir(), "cluster"), args: args}}
	t.Cleanup(func() {
		if p.Cluster != nil {
			_ = p.signalAPIServer(syscall.SIGCONT)
			p.close()
		}
		p.up.stop()
	})
	p.start(t)
	return p
}

func (p *Private) start(t testing.TB) {
	t.Helper()
	if err := p.up.start(); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.Cluster, err = open(p.up.dir); err != nil {
		t.Fatal(err)
	}
}

// Stop ends the cluster in good order and keeps its data.
func (p *Private) Stop() { p.up.stop() }

// Kill ends the cluster at once, as a crash would, and keeps its data. The
// API server may answer for some milliseconds more.
func (p *Private) Kill() {
	if p.up.running() {
		p.up.kill()
	}
}

// Restart starts the cluster again after Stop or Kill, as a rule at the same
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
	data, err := os.ReadFile(filepath.Join(p.up.dir, "processes.json"))
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
		if process.Name == "kube-apiserver" && p.up.running() {
			return syscall.Kill(process.PID, signal)
		}
	}
	return errors.New("the API server does not run")
}
