package cluster

import (
	"context"
	"hash/maphash"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/watch"
)

// monitoredClusters lists the clusters to check.
type monitoredClusters interface {
	Page(ctx context.Context, after string, limit int) ([]models.Cluster, error)
	SetChecked(ctx context.Context, list []models.ClusterChecked) error
}

// checker tests one cluster and stores an outcome that is new.
type checker interface {
	CheckHealth(ctx context.Context, id string, p models.ProbeOptions) (models.ClusterCheck, error)
}

// placement tells which clusters this server checks; the others are checked by
// other servers with the same database.
type placement interface {
	Holds(clusterID string) (fence int64, held bool)
}

// MonitorDeps is what a HealthMonitor works with.
type MonitorDeps struct {
	Clusters monitoredClusters
	Checker  checker
	Reach    func() map[string]kubernetes.Reach // outcomes of calls by others, by cluster; may be nil
	Log      *slog.Logger

	// Placement is nil for a server that is always the only one of its database.
	Placement placement
}

// MonitorOptions tune a HealthMonitor.
type MonitorOptions struct {
	Every    time.Duration // between two rounds
	Fast     int           // connected and new clusters that are tested at once
	Slow     int           // other clusters that are tested at once
	Quick    time.Duration // longest test in the fast lane
	Deadline time.Duration // for one cluster, everything included
	MaxPause time.Duration // between two tests of a dead cluster
	Flush    time.Duration // how long the time of a test may stay unwritten
}

// DefaultMonitorOptions returns what the server uses: 5 tests at once.
func DefaultMonitorOptions() MonitorOptions {
	return MonitorOptions{
		Every: time.Minute, Fast: 3, Slow: 2, Quick: 2 * time.Second, Deadline: 20 * time.Second,
		MaxPause: 10 * time.Minute, Flush: 2 * time.Second,
	}
}

const monitorPage = 500 // clusters read from the database at once

// HealthMonitor tests the clusters that this server holds again and again.
//
// There are two lanes. Connected and new clusters are in the fast one, where a
// test ends after Quick. What may take long is in the slow one: clusters that did
// not answer within Quick, dead ones, and the reading of metadata. A dead cluster
// is tested after 1, 2, 4 … rounds, until somebody tests it by hand, it answers,
// or calls of other parts of the server succeed again.
//
// Several servers with one database share the work: a cluster is held by one of
// them at a time. A cluster that was checked less than half a round ago is skipped.
type HealthMonitor struct {
	deps    MonitorDeps
	opts    MonitorOptions
	metrics monitorMetrics
	seed    maphash.Seed
	now     func() time.Time
	failing map[string]bool   // clusters that calls do not reach; used by Run alone
	owners  map[string]string // by cluster, as of this round; used by Run alone

	mu      sync.Mutex
	checked []models.ClusterChecked // to be written
	moved   map[string]bool         // clusters that this server has got or given up lately
}

// NewHealthMonitor returns a monitor that does nothing before Run.
func NewHealthMonitor(deps MonitorDeps, opts MonitorOptions) *HealthMonitor {
	return &HealthMonitor{deps: deps, opts: opts, metrics: newMonitorMetrics(), seed: maphash.MakeSeed(), now: time.Now}
}

// monitored is a cluster to be tested. One that another server holds is tested when
// calls of this server reach it again.
type monitored struct {
	owner, id string
	elsewhere bool
}

// monitorLanes queue the clusters to be tested. Each takes the owners in turn, so
// that one account's dead clusters do not hold up the clusters of others.
type monitorLanes struct{ fast, slow *watch.Queue[monitored] }

func newMonitorLanes() monitorLanes {
	byOwner := func(c monitored) string { return c.owner }
	return monitorLanes{watch.NewFairQueue(byOwner), watch.NewFairQueue(byOwner)}
}

// Run tests all clusters in rounds until ctx ends, and returns nil when the last
// test has ended. The tests of a round are spread over half of it. A failed test,
// or a panic in one, does not stop the others.
func (m *HealthMonitor) Run(ctx context.Context) error {
	lanes := newMonitorLanes()
	var all sync.WaitGroup
	for range max(1, m.opts.Fast) {
		all.Go(func() {
			lanes.fast.Work(func(c monitored) {
				if m.check(ctx, c, m.opts.Quick) {
					lanes.slow.Add(c, 0)
				}
			})
		})
	}
	for range max(1, m.opts.Slow) {
		all.Go(func() { lanes.slow.Work(func(c monitored) { m.check(ctx, c, 0) }) })
	}
	m.rounds(ctx, lanes)
	lanes.fast.Stop()
	lanes.slow.Stop()
	all.Wait()
	m.flush(context.WithoutCancel(ctx))
	return nil
}

func (m *HealthMonitor) rounds(ctx context.Context, lanes monitorLanes) {
	round, flush := time.NewTicker(m.opts.Every), time.NewTicker(m.opts.Flush)
	defer round.Stop()
	defer flush.Stop()
	first := true
	m.round(ctx, lanes, first)
	for {
		select {
		case <-ctx.Done():
			return
		case <-flush.C:
			m.flush(ctx)
			m.queueMoved(ctx, lanes, first)
			m.queueReachable(lanes)
		case <-round.C:
			first = false
			m.flush(ctx)
			m.round(ctx, lanes, first)
		}
	}
}

// round queues the clusters that are due. In the first round pauses do not
// count, since the reason for a failure may have gone while the server was down.
func (m *HealthMonitor) round(ctx context.Context, lanes monitorLanes, first bool) {
	held, err := m.held(ctx)
	if err != nil {
		return
	}
	for _, c := range held {
		if first {
			c.Failures = 0
		}
		if m.isDue(c) {
			lanes.add(c, m.offset(c.ID))
		}
	}
}

func (l monitorLanes) add(c models.Cluster, after time.Duration) {
	lane := l.slow
	if c.Status == models.ClusterConnected || c.Status == models.ClusterUnknown {
		lane = l.fast
	}
	lane.Add(monitored{owner: c.OwnerID, id: c.ID}, after)
}

// held returns the clusters that this server holds, and counts them.
func (m *HealthMonitor) held(ctx context.Context) ([]models.Cluster, error) {
	all, err := m.all(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.deps.Log.WarnContext(ctx, "clusters to check could not be listed", "err", err)
		}
		return nil, err
	}
	m.owners = make(map[string]string, len(all))
	for _, c := range all {
		m.owners[c.ID] = c.OwnerID
	}
	all = slices.DeleteFunc(all, func(c models.Cluster) bool { return !m.holds(c.ID) })
	m.metrics.count(all)
	return all, nil
}

func (m *HealthMonitor) holds(id string) bool {
	if m.deps.Placement == nil {
		return true
	}
	_, held := m.deps.Placement.Holds(id)
	return held
}

func (m *HealthMonitor) all(ctx context.Context) (all []models.Cluster, err error) {
	for after := ""; ; {
		page, err := m.deps.Clusters.Page(ctx, after, monitorPage)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < monitorPage {
			return all, nil
		}
		after = page[len(page)-1].ID
	}
}

// check tests one cluster and reports whether a quick test left work to do.
func (m *HealthMonitor) check(ctx context.Context, c monitored, quick time.Duration) (more bool) {
	defer func() {
		if p := recover(); p != nil {
			m.deps.Log.ErrorContext(ctx, "panic in a cluster check", "cluster", c.id, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	wanted := func() bool { return c.elsewhere || m.holds(c.id) }
	if ctx.Err() != nil || !wanted() || quick > 0 && m.isUnwritten(c.id) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, m.opts.Deadline)
	defer cancel()
	start := m.now()
	got, err := m.deps.Checker.CheckHealth(ctx, c.id, models.ProbeOptions{
		QuickTimeout: quick, SkipWithin: m.opts.Every / 2, Wanted: wanted,
	})
	if err != nil {
		if ctx.Err() == nil {
			m.deps.Log.WarnContext(ctx, "the outcome of a cluster check could not be stored", "cluster", c.id, "err", err)
		}
		return false
	}
	if got.Skipped {
		return false
	}
	m.metrics.observe(m.now().Sub(start))
	if !got.Stored {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.checked = append(m.checked, got.Checked())
	}
	return got.More
}

// flush stores the times of tests that found nothing new.
func (m *HealthMonitor) flush(ctx context.Context) {
	m.mu.Lock()
	list := m.checked
	m.checked = nil
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, m.opts.Deadline)
	defer cancel()
	if err := m.deps.Clusters.SetChecked(ctx, list); err != nil && ctx.Err() == nil {
		m.deps.Log.WarnContext(ctx, "the times of cluster checks could not be stored", "err", err)
	}
}
