package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// holders tell which of several monitors holds a cluster.
type holders struct {
	mu sync.Mutex
	by map[string]*member
}

// member is one of several servers.
type member struct {
	*HealthMonitor
	all   *holders
	ahead time.Duration // of its clock
}

func (h *holders) join(m *fakeClusters, ahead time.Duration) *member {
	p := &member{all: h, ahead: ahead}
	p.HealthMonitor = NewHealthMonitor(MonitorDeps{
		Clusters: m, Checker: m, Reach: m.reach, Log: slog.New(slog.DiscardHandler), Placement: p,
	}, DefaultMonitorOptions())
	p.now = func() time.Time { return time.Now().Add(p.ahead) }
	return p
}

func (p *member) Holds(id string) (int64, bool) {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	return 1, p.all.by[id] == p
}

// give gives a cluster to a monitor; nil takes it from all.
func (h *holders) give(t *testing.T, id string, to *member) {
	t.Helper()
	h.mu.Lock()
	from := h.by[id]
	h.by[id] = to
	h.mu.Unlock()
	if from != nil {
		from.Releasing(t.Context(), id)
	}
	if to != nil {
		to.Gained(id)
	}
}

// start runs a monitor until the returned function is called.
func (p *member) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(t, <-done)
	}
}

// counted returns how many clusters the figures of a server show.
func (p *member) counted(t *testing.T) (n int) {
	t.Helper()
	r := prometheus.NewRegistry()
	require.NoError(t, r.Register(p.metrics.clusters))
	families, err := r.Gather()
	require.NoError(t, err)
	for _, metric := range families[0].GetMetric() {
		n += int(metric.GetGauge().GetValue())
	}
	return n
}

// Two servers hold half of the clusters each. Some clusters move, one server is
// stopped and comes back.
func TestMonitorsOfSeveralServers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const clusters, rounds = 60, 12
		m, h := newFakeClusters(clusters+3), &holders{by: map[string]*member{}}
		first, second := h.join(m, 0), h.join(m, 0)
		id := func(i int) string { return fmt.Sprintf("%03d", i+3) }
		stopFirst := first.start(t)
		time.Sleep(17 * time.Second)
		defer second.start(t)()
		for i := range clusters {
			h.give(t, id(i), []*member{first, second}[i%2])
		}
		time.Sleep(4*time.Minute + 20*time.Second)
		require.Equal(t, []int{clusters / 2, clusters / 2}, []int{first.counted(t), second.counted(t)})
		for i := range 10 { // move in good order
			h.give(t, id(2*i), second)
			time.Sleep(7 * time.Second)
		}
		time.Sleep(2 * time.Minute)
		stopFirst()
		time.Sleep(15 * time.Second) // until the others know
		for i := range clusters {
			if h.by[id(i)] == first {
				h.give(t, id(i), second)
			}
		}
		time.Sleep(3 * time.Second)
		require.Equal(t, clusters, second.counted(t))
		time.Sleep(rounds*time.Minute - 8*time.Minute)
		m.mu.Lock()
		defer m.mu.Unlock()
		for i := range clusters {
			times := m.times[id(i)]
			require.InDelta(t, rounds, len(times), 1.5, "cluster %d", i)
			for j := 1; j < len(times); j++ {
				pause := times[j].Sub(times[j-1])
				require.GreaterOrEqual(t, pause, 29*time.Second, "cluster %d", i)
				require.Less(t, pause, 92*time.Second, "cluster %d", i)
			}
		}
		require.LessOrEqual(t, m.most, 10)
	})
}

func TestMonitorOfAServerWhoseClockIsBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, h := newFakeClusters(1), &holders{by: map[string]*member{}}
		behind := h.join(m, -5*time.Minute)
		now := time.Now()
		m.clusters["000"].LastCheck = &now
		h.give(t, "000", behind)
		defer behind.start(t)()
		time.Sleep(4*time.Minute + time.Second)
		require.GreaterOrEqual(t, m.counts("")[0], 3)
	})
}

// A dead cluster of another server is tested when this one reaches it again.
func TestMonitorHearsOfReturnsElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, h, begin := newFakeClusters(1), &holders{by: map[string]*member{}}, time.Now()
		m.reach = func() map[string]kubernetes.Reach {
			if time.Since(begin) < time.Minute {
				return map[string]kubernetes.Reach{"000": {Failures: 3}}
			}
			return map[string]kubernetes.Reach{"000": {}}
		}
		defer h.join(m, 0).start(t)()
		time.Sleep(2 * time.Minute)
		require.Equal(t, []int{1}, m.counts(""))
	})
}

// Another server gets a cluster while this one waits for its answer.
func TestMonitorDropsWhatAnotherServerIsToFind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, h := newFakeClusters(1), &holders{by: map[string]*member{}}
		m.hangs["000"] = true
		p := h.join(m, 0)
		h.give(t, "000", p)
		defer p.start(t)()
		running := func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.running > 0
		}
		for busy := 0; busy < 4; { // longer than a quick test
			time.Sleep(time.Second)
			if busy++; !running() {
				busy = 0
			}
		}
		h.give(t, "000", nil)
		time.Sleep(30 * time.Minute)
		require.Equal(t, []int{0}, m.counts(""))
		require.Zero(t, p.counted(t))
	})
}
