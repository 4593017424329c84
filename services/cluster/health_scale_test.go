package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// fleet are 200 clusters of which a third is dead, each in its way.
type fleet struct {
	*clusterRig
	healthy []*stub
	dead    []models.Cluster
	writes  *countedStore
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{clusterRig: newClusterRig(t)}
	f.testTime = 500 * time.Millisecond
	f.writes = &countedStore{store: f.deps.Store}
	f.deps.Store = f.writes
	silent := silentListener(t)
	for i := range 200 {
		name := fmt.Sprintf("c%03d", i)
		if i >= 66 {
			s := newStub(t)
			f.healthy = append(f.healthy, s)
			f.put(t, name, s.URL)
			continue
		}
		server := "https://" + silent // accepts, and says nothing
		switch i % 4 {
		case 0: // answers no request
			s := newStub(t)
			s.hang.Store(true)
			server = s.URL
		case 1: // knows nobody
			s := newStub(t)
			s.status.Store(http.StatusUnauthorized)
			server = s.URL
		case 2: // refuses connections
			server = "https://127.0.0.1:1"
		}
		f.dead = append(f.dead, f.put(t, name, server))
	}
	return f
}

func silentListener(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// countedStore counts states that are written.
type countedStore struct {
	store
	heard
}

func (s *countedStore) SetHealth(ctx context.Context, id string, h models.ClusterHealth) (string, bool, error) {
	s.changed.Add(1)
	return s.store.SetHealth(ctx, id, h)
}

// least returns how often the healthy cluster was checked that was checked the
// least.
func (f *fleet) least() int32 {
	least := f.healthy[0].checks.Load()
	for _, s := range f.healthy {
		least = min(least, s.checks.Load())
	}
	return least
}

// watched runs a monitor for so many rounds, and until the dead are known, and
// returns when the healthy clusters were all checked in each round.
func (f *fleet) watched(t *testing.T, every time.Duration, rounds int32) (at []time.Duration) {
	t.Helper()
	opts := DefaultMonitorOptions()
	opts.Every, opts.Quick, opts.MaxPause, opts.Flush = every, 150*time.Millisecond, 10*every, every/10
	ctx, cancel := context.WithCancel(t.Context())
	monitor := NewHealthMonitor(MonitorDeps{
		Clusters: f.clusterRig.store, Checker: f.Service, Log: slog.New(slog.DiscardHandler),
	}, opts)
	done := make(chan error, 1)
	start, before := time.Now(), f.least()
	go func() { done <- monitor.Run(ctx) }()
	for n := before + 1; n <= before+rounds; n++ {
		kubetest.Eventually(t, "a round", func(context.Context) error {
			if f.least() < n {
				return fmt.Errorf("some have been checked %d times", f.least())
			}
			return nil
		})
		at = append(at, time.Since(start).Round(10*time.Millisecond))
	}
	kubetest.Eventually(t, "the states of the dead", func(context.Context) error {
		for _, c := range f.dead {
			if got := f.byID(t, c.ID); got.Status != models.ClusterDisconnected && got.Status != models.ClusterError {
				return fmt.Errorf("%s is %s", c.Name, got.Status)
			}
		}
		return nil
	})
	cancel()
	require.NoError(t, <-done)
	return at
}

// footprint is what the process needs when it is quiet.
type footprint struct{ goroutines, files, heapKB int }

func footprintNow(t *testing.T) (p footprint) {
	t.Helper()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system does not tell what files are open")
	}
	return footprint{runtime.NumGoroutine(), len(files), int(m.HeapAlloc >> 10)}
}

// It does not run beside others, whose goroutines would count, too.
//
//nolint:paralleltest // see above
func TestMonitorOf200ClustersLeavesNothingBehind(t *testing.T) {
	f := newFleet(t)
	before := footprintNow(t)
	const every = 2 * time.Second
	first := f.watched(t, every, 3)
	states, once := f.writes.changed.Load(), footprintNow(t)
	second := f.watched(t, every, 3)
	twice := footprintNow(t)
	t.Logf("all of %d healthy checked after %v, then %v; a round every %s", len(f.healthy), first, second, every)
	t.Logf("before %+v, after 3 rounds %+v, after 3 more %+v; %d states written", before, once, twice, states)
	require.Less(t, second[2]-second[0], 4*every, "two rounds on a machine that does other things, too")

	// The healthy ones: their state and their metadata. The dead: each attempt,
	// of which there are few.
	require.LessOrEqual(t, int(states), 2*len(f.healthy)+6*len(f.dead), "what is as it was is not written")
	require.LessOrEqual(t, twice.goroutines, once.goroutines+40)
	require.LessOrEqual(t, twice.files, once.files+40)
	require.LessOrEqual(t, twice.heapKB, once.heapKB+20<<10)

	f.deps.Connect.(*kubernetes.Connector).Close()
	kubetest.Eventually(t, "the end of all connections", func(context.Context) error {
		if now := footprintNow(t); now.goroutines > before.goroutines+10 || now.files > before.files+10 {
			return fmt.Errorf("%+v, and before %+v", now, before)
		}
		return nil
	})
	t.Logf("after closing the connections %+v", footprintNow(t))
}
