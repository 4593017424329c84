package kubetest

import (
	"os"
	"sync"
	"testing"
)

// clusterVariable names the directory of a running cluster.
const clusterVariable = "KUBEORCH_TEST_CLUSTER"

// Shared is a cluster for all tests of a package, started when the first of them
// needs it. The zero value is ready for use. Declare one beside TestMain.
type Shared struct {
	once    sync.Once
	cluster *Cluster
	process *devcluster
	err     error
}

// Cluster returns the cluster, or fails t when it cannot be started.
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
	s.process = &devcluster{dir: dir}
	if s.err = s.process.start(); s.err == nil {
		s.cluster, s.err = open(dir)
	}
}

// runner is the part of testing.M that goleak.VerifyTestMain needs.
type runner interface{ Run() int }

// Main wraps m so that Run stops the cluster after the tests. The exit code is
// that of the tests.
func (s *Shared) Main(m runner) runner { return &main{tests: m, shared: s} }

type main struct {
	tests  runner
	shared *Shared
}

// Run runs the tests and stops the cluster if they have started it.
func (m *main) Run() int {
	defer m.shared.stop()
	return m.tests.Run()
}

func (s *Shared) stop() {
	if s.cluster != nil {
		s.cluster.close()
	}
	if s.process != nil {
		s.process.stop()
		_ = os.RemoveAll(s.process.dir)
	}
}
