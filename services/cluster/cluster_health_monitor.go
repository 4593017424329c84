package cluster

import (
	"context"
	"hash/maphash"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/watch"
)

// monitoredClusters are the clusters to look after.
type monitoredClusters interface {
	Page(ctx context.Context, after string, limit int) ([]models.Cluster, error)
	SetChecked(ctx context.Context, list []models.ClusterChecked) error
}

// checker tests one cluster and stores what is new.
type checker interface {
	CheckHealth(ctx context.Context, id string, p models.ProbeOptions) (models.ClusterCheck, error)
}

// observer sees all clusters as they are stored, once each round.
type observer interface {
	Observe(ctx context.Context, all []models.Cluster)
}

// MonitorDeps is what a HealthMonitor works with.
type MonitorDeps struct {
	Clusters monitoredClusters
	Checker  checker
	Observer observer
	Reach    func() map[string]kubernetes.Reach // what calls found out, by cluster; nil if nobody knows
	Log      *slog.Logger
}

// MonitorOptions tune a HealthMonitor.
type MonitorOptions struct {
	Every    time.Duration // between two rounds
	Fast     int           // clusters that are thought to work, tested at the same time
	Slow     int           // others that are tested at the same time
	Quick    time.Duration // how long one that is thought to work may keep others waiting
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

// HealthMonitor tests every cluster again and again.
//
// There are two lanes. Clusters that answered last time, and new ones, are in
// the fast one, where none may keep the others waiting for longer than Quick.
// Whatever may take long is in the slow one: those that did not answer that
// fast, dead ones, and the reading of metadata. A dead cluster is tested after
// 1, 2, 4 … rounds, until somebody tests it by hand, it answers, or calls to
// it that others make succeed again.
//
// Several servers that share a database share the work without speaking to
// each other: a cluster that any of them checked less than half a round ago
// is left alone, and each server takes the clusters at times of its own.
type HealthMonitor struct {
	deps    MonitorDeps
	opts    MonitorOptions
	figures monitorFigures
	seed    maphash.Seed
	now     func() time.Time
	away    map[string]bool // clusters that calls do not reach; for Run alone

	mu      sync.Mutex
	checked []models.ClusterChecked // to be written
}

// NewHealthMonitor returns a monitor that does nothing before Run.
func NewHealthMonitor(deps MonitorDeps, opts MonitorOptions) *HealthMonitor {
	return &HealthMonitor{deps: deps, opts: opts, figures: newMonitorFigures(), seed: maphash.MakeSeed(), now: time.Now}
}

// monitorLanes are the clusters to be tested, by id.
type monitorLanes struct{ fast, slow *watch.Queue[string] }

// Run tests all clusters in rounds until ctx ends, and then returns nil when
// the last test has ended. Within a round the tests are spread over half of
// it. One failed test, or a panic in it, does not stop the others.
func (m *HealthMonitor) Run(ctx context.Context) error {
	lanes := monitorLanes{watch.NewQueue[string](), watch.NewQueue[string]()}
	var all sync.WaitGroup
	for range max(1, m.opts.Fast) {
		all.Go(func() {
			lanes.fast.Work(func(id string) {
				if m.check(ctx, id, m.opts.Quick) {
					lanes.slow.Add(id, 0)
				}
			})
		})
	}
	for range max(1, m.opts.Slow) {
		all.Go(func() { lanes.slow.Work(func(id string) { m.check(ctx, id, 0) }) })
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
	m.round(ctx, lanes, true)
	for {
		select {
		case <-ctx.Done():
			return
		case <-flush.C:
			m.flush(ctx)
			m.returned(lanes)
		case <-round.C:
			m.flush(ctx)
			m.round(ctx, lanes, false)
		}
	}
}

// round puts into their lanes the clusters whose time has come. In the first
// round those are all that were not checked lately: what kept this server from
// them may be over.
func (m *HealthMonitor) round(ctx context.Context, lanes monitorLanes, first bool) {
	all, err := m.all(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.deps.Log.WarnContext(ctx, "clusters to check could not be listed", "err", err)
		}
		return
	}
	m.deps.Observer.Observe(ctx, all)
	m.figures.count(all)
	for _, c := range all {
		if first {
			c.Failures = 0
		}
		if !m.isDue(c) {
			continue
		}
		lane := lanes.slow
		if c.Status == models.ClusterConnected || c.Status == models.ClusterUnknown {
			lane = lanes.fast
		}
		lane.Add(c.ID, m.moment(c.ID))
	}
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

// isDue reports whether a cluster's pause will be over when its moment in this
// round comes. Half a round of play is left: tests may have been late.
func (m *HealthMonitor) isDue(c models.Cluster) bool {
	if c.LastCheck == nil {
		return true
	}
	age := m.now().Add(m.moment(c.ID)).Sub(*c.LastCheck)
	return age >= m.pause(c.Failures)-m.opts.Every/2
}

// pause returns how long a cluster is left alone that failed so often.
func (m *HealthMonitor) pause(failures int) time.Duration {
	const most = 16 // more would overflow
	return min(m.opts.Every<<max(0, min(failures-1, most)), max(m.opts.MaxPause, m.opts.Every))
}

// moment returns when in a round a cluster is tested. It stays the same for
// as long as the process lives, and differs from that of other processes.
func (m *HealthMonitor) moment(id string) time.Duration {
	half := uint64(max(1, m.opts.Every/2))                  //nolint:gosec // is positive
	return time.Duration(maphash.String(m.seed, id) % half) //nolint:gosec // is smaller than half a round
}

// check tests one cluster and reports whether a quick test left something to
// do.
func (m *HealthMonitor) check(ctx context.Context, id string, quick time.Duration) (more bool) {
	defer func() {
		if p := recover(); p != nil {
			m.deps.Log.ErrorContext(ctx, "panic in a cluster check", "cluster", id, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if ctx.Err() != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, m.opts.Deadline)
	defer cancel()
	start := m.now()
	got, err := m.deps.Checker.CheckHealth(ctx, id, models.ProbeOptions{QuickTimeout: quick, SkipWithin: m.opts.Every / 2})
	if err != nil {
		if ctx.Err() == nil {
			m.deps.Log.WarnContext(ctx, "the outcome of a cluster check could not be stored", "cluster", id, "err", err)
		}
		return false
	}
	if got.Skipped {
		return false
	}
	m.figures.took(m.now().Sub(start))
	if !got.Stored {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.checked = append(m.checked, got.Checked())
	}
	return got.More
}

// flush writes when clusters were tested that are as they were.
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
