package kubetest

import (
	"os"
	"sync"
	"testing"
)

// clusterVariable names the directory of a cluster that runs already.
const clusterVariable = "KUBEORCH_TEST_CLUSTER"

// Shared is a cluster for all tests of a package, made when the first of them
// asks for it. The zero value is ready for use. Declare one beside TestMain.
type Shared struct {
	once    sync.Once
	cluster *Cluster
	up      *up
	err     error
}

// Cluster returns the cluster. It fails t when there is none to be had.
func (s *Shared) Cluster(t testing.TB) *Cluster {
	t.Helper()
	s.once.Do(s.start)
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.cluster
}

func (s *Shared) start() {
	if dir := os.Getenv(clusterVariable); dir != "" {
		s.cluster, s.err = open(dir)
		return
	}
	dir, err := os.MkdirTemp("", "kubetest")
	if err != nil {
		s.err = err
		return
	}
	s.up = &up{dir: dir}
	if s.err = s.up.start(); s.err == nil {
		s.cluster, s.err = open(dir)
	}
}

// runner is what TestMain gets, and what goleak.VerifyTestMain takes.
type runner interface{ Run() int }

// Main returns m so that running it also stops the cluster at the end. The
// exit code is that of the tests.
func (s *Shared) Main(m runner) runner { return &main{tests: m, shared: s} }

type main struct {
	tests  runner
	shared *Shared
}

// Run runs the tests and then stops the cluster if it was started for them.
func (m *main) Run() int {
	defer m.shared.stop()
	return m.tests.Run()
}

func (s *Shared) stop() {
	if s.cluster != nil {
		s.cluster.close()
	}
	if s.up != nil {
		s.up.stop()
		_ = os.RemoveAll(s.up.dir)
	}
}
