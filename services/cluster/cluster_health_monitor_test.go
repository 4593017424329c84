package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// fakeClusters are clusters in memory that are checked as their kind says.
type fakeClusters struct {
	mu       sync.Mutex
	clusters map[string]*models.Cluster
	checks   map[string]int // outcomes by id
	times    map[string][]time.Time
	running  int
	most     int
	writes   int // of times of checks
	hangs    map[string]bool
	refuses  map[string]bool
	reach    func() map[string]kubernetes.Reach
}

func newFakeClusters(n int) *fakeClusters {
	m := &fakeClusters{
		clusters: map[string]*models.Cluster{}, checks: map[string]int{}, times: map[string][]time.Time{}, hangs: map[string]bool{}, refuses: map[string]bool{},
	}
	for i := range n {
		id := fmt.Sprintf("%03d", i)
		m.clusters[id] = &models.Cluster{ID: id, Status: models.ClusterConnected}
	}
	return m
}

func (m *fakeClusters) Page(_ context.Context, after string, limit int) (page []models.Cluster, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.clusters)) {
		if id > after && len(page) < limit {
			page = append(page, *m.clusters[id])
		}
	}
	return page, nil
}

func (m *fakeClusters) SetChecked(_ context.Context, list []models.ClusterChecked) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	for _, c := range list {
		if last := m.clusters[c.ID].LastCheck; last == nil || last.Before(c.At) {
			m.clusters[c.ID].LastCheck = &c.At
		}
	}
	return nil
}

func (m *fakeClusters) CheckHealth(ctx context.Context, id string, p models.ProbeOptions) (models.ClusterCheck, error) {
	m.mu.Lock()
	c := *m.clusters[id]
	if c.LastCheck != nil && time.Since(*c.LastCheck) < p.SkipWithin {
		m.mu.Unlock()
		return models.ClusterCheck{Skipped: true}, nil
	}
	m.running++
	m.most = max(m.most, m.running)
	m.mu.Unlock()
	defer func() { m.mu.Lock(); m.running--; m.mu.Unlock() }()
	took := 100 * time.Millisecond
	if m.hangs[id] {
		if took = 10 * time.Second; p.QuickTimeout > 0 {
			took = p.QuickTimeout
		}
	}
	select {
	case <-time.After(took): // of the fake clock
	case <-ctx.Done():
		return models.ClusterCheck{}, ctx.Err()
	}
	switch {
	case id == "001":
		return models.ClusterCheck{}, errors.New("no")
	case id == "002":
		panic("oh")
	case m.hangs[id] && p.QuickTimeout > 0:
		return models.ClusterCheck{Cluster: c, More: true, Stored: true}, nil
	case p.Wanted != nil && !p.Wanted():
		return models.ClusterCheck{Cluster: c, Skipped: true}, nil
	}
	return m.outcome(id), nil
}

func (m *fakeClusters) outcome(id string) models.ClusterCheck {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checks[id]++
	m.times[id] = append(m.times[id], time.Now())
	now, stored := time.Now(), m.clusters[id]
	c := *stored
	c.LastCheck = &now
	if m.hangs[id] || m.refuses[id] {
		stored.Failures++
		stored.Status, stored.LastCheck = models.ClusterDisconnected, &now
		return models.ClusterCheck{Cluster: c, Stored: true}
	}
	return models.ClusterCheck{Cluster: c}
}

func (m *fakeClusters) counts(prefix string) (all []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.clusters)) {
		if id >= prefix {
			all = append(all, m.checks[id])
		}
	}
	return all
}

// watched runs a monitor over m for a time of the fake clock.
func (m *fakeClusters) watched(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	deps := MonitorDeps{Clusters: m, Checker: m, Reach: m.reach, Log: slog.New(slog.DiscardHandler)}
	monitor := NewHealthMonitor(deps, DefaultMonitorOptions())
	go func() { done <- monitor.Run(ctx) }()
	time.Sleep(d)
	cancel()
	require.NoError(t, <-done)
}

// A dead cluster is tested after 25 minutes and then after 35, unless somebody
// who works with it finds in between that it is back.
func TestMonitorHearsOfReturns(t *testing.T) {
	t.Parallel()
	const away = 30 * time.Minute
	for name, tc := range map[string]struct {
		after func() map[string]kubernetes.Reach
		tests int
	}{
		"back":         {func() map[string]kubernetes.Reach { return map[string]kubernetes.Reach{"000": {}} }, 7},
		"still away":   {func() map[string]kubernetes.Reach { return map[string]kubernetes.Reach{"000": {Failures: 9}} }, 6},
		"not asked":    {func() map[string]kubernetes.Reach { return nil }, 6},
		"nobody knows": {nil, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, begin := newFakeClusters(1), time.Now()
				m.refuses["000"] = true
				if tc.after != nil {
					m.reach = func() map[string]kubernetes.Reach {
						if time.Since(begin) < away {
							return map[string]kubernetes.Reach{"000": {Failures: 3}}
						}
						return tc.after()
					}
				}
				m.watched(t, away+40*time.Second)
				require.Equal(t, []int{tc.tests}, m.counts(""))
			})
		})
	}
}

func TestMonitorChecksEveryClusterEachRound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newFakeClusters(700) // more than a page
		m.watched(t, 3*time.Minute-time.Second)
		for i, n := range m.counts("003") {
			require.Equal(t, 3, n, "cluster %d", i+3)
		}
		require.LessOrEqual(t, m.most, 5)
		require.Less(t, m.writes, 100, "times of checks are written together")
	})
}

// A third of the clusters dies at once and hangs. The others are checked in
// each round all the same, and the dead ones are left alone for longer and
// longer.
func TestMonitorIsNotHeldUpByTheDead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newFakeClusters(203)
		for id := range m.clusters {
			if id >= "003" && id < "070" {
				m.hangs[id] = true
			}
		}
		const rounds = 40
		m.watched(t, rounds*time.Minute-time.Second)
		counts := m.counts("003")
		for i, n := range counts[67:] {
			require.GreaterOrEqual(t, n, rounds-1, "healthy cluster %d", i)
		}
		for i, n := range counts[:67] {
			require.Positive(t, n, "dead cluster %d", i)
			require.LessOrEqual(t, n, 8, "dead cluster %d", i) // after 1, 2, 4, 8, 10, 10 … minutes
		}
		require.LessOrEqual(t, m.most, 5)
	})
}

// One account registers 120 clusters that never answer; the cluster of another
// account is checked in every round, from the first one on.
func TestMonitorSharesItsLanesBetweenOwners(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newFakeClusters(121)
		for id, c := range m.clusters {
			c.OwnerID, c.Status, m.hangs[id] = ann, models.ClusterUnknown, true
		}
		healthy := m.clusters["120"]
		healthy.OwnerID, m.hangs["120"] = bob, false
		for round := range 5 {
			m.watched(t, time.Minute-time.Second)
			require.Equal(t, round+1, m.checks["120"], "round %d", round)
			for id, c := range m.clusters { // as if all were added anew
				if c.OwnerID == ann {
					c.Status, c.LastCheck, m.hangs[id] = models.ClusterUnknown, nil, true
				}
			}
			time.Sleep(time.Second)
		}
		m.watched(t, 10*time.Minute)
		require.GreaterOrEqual(t, m.checks["120"], 14)
	})
}

func TestMonitorPausesForTheDead(t *testing.T) {
	t.Parallel()
	m := NewHealthMonitor(MonitorDeps{}, DefaultMonitorOptions())
	var minutes []int
	for _, failures := range []int{0, 1, 2, 3, 4, 5, 6, 1000} {
		minutes = append(minutes, int(m.pause(failures).Minutes()))
	}
	require.Equal(t, []int{1, 1, 2, 4, 8, 10, 10, 10}, minutes)
}

func TestMonitorStopsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newFakeClusters(20)
		for id := range m.clusters {
			m.hangs[id] = true
		}
		start := time.Now()
		m.watched(t, 40*time.Second)
		require.Equal(t, 40*time.Second, time.Since(start))
	})
}
