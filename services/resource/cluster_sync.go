package resource

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/panics"
	"github.com/kubeorch/core/services/inventory"
)

const (
	// flushEvery is how long changes are collected before they are stored.
	flushEvery = 500 * time.Millisecond

	// resyncEvery is the time between two comparisons of the store with the cluster,
	// which repair what was not stored.
	resyncEvery = 10 * time.Minute

	// askedGap is the least time between two of them that people ask for.
	askedGap = 10 * time.Second

	// syncedEvery is how often it is stored that the inventory is complete.
	syncedEvery = time.Minute

	// kindWait is how long the first list of a kind may hold up that of the next one.
	kindWait = 2 * time.Second

	syncRetry    = 5 * time.Second // doubled with each failure in a row
	syncRetryMax = 5 * time.Minute
)

// bounds are of what is kept of a cluster.
type bounds struct {
	live    int // objects
	deleted int // records of deleted objects: pods of jobs come and go
	trim    int // deletions after which the surplus is removed
}

func defaultBounds() bounds { return bounds{live: 100_000, deleted: 2000, trim: 500} }

// clusterSync keeps the inventory of one cluster. Its fields are used by run alone,
// but for asked.
type clusterSync struct {
	*Syncer

	id, name string
	log      *slog.Logger
	cancel   context.CancelFunc
	done     chan struct{} // closed when run has returned
	asked    chan struct{} // holds one place: somebody wants it read again

	kinds    []*kindSync
	kept     int // live records of all kinds
	deleted  int // since the last trim
	overfull bool
	failing  bool
	askedAt  time.Time
	syncedAt time.Time
}

func newClusterSync(s *Syncer, c models.Cluster) *clusterSync {
	return &clusterSync{
		Syncer: s, id: c.ID, name: c.Name, log: s.deps.Log.With("cluster", c.ID),
		done: make(chan struct{}), asked: make(chan struct{}, 1), deleted: s.bounds.trim,
	}
}

func (c *clusterSync) ask() {
	select {
	case c.asked <- struct{}{}:
	default:
	}
}

// run watches the cluster through one connection after the other until ctx ends.
func (c *clusterSync) run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		err := panics.ToError(func() error { return c.watch(ctx) })
		if ctx.Err() != nil {
			return
		}
		if err == nil { // another connection took its place
			failures = 0
			continue
		}
		if failures++; failures == 1 {
			c.log.InfoContext(ctx, "the inventory of a cluster cannot be read", "err", err)
		}
		timer := time.NewTimer(min(syncRetry<<min(failures-1, 8), syncRetryMax))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-c.asked:
		}
		timer.Stop()
	}
}

// watch keeps the inventory through one connection until ctx or the connection ends.
func (c *clusterSync) watch(ctx context.Context) error {
	conn, err := c.deps.Connect(ctx, c.id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.kinds, c.kept = nil, 0
	defer func() {
		cancel()
		for _, k := range c.kinds {
			k.end()
		}
	}()
	if err := c.deps.Times.Begin(ctx, c.id); err != nil {
		return err
	}
	if err := c.addKinds(ctx, conn); err != nil {
		return err
	}
	flush, resync := time.NewTicker(flushEvery), time.NewTicker(resyncEvery)
	defer flush.Stop()
	defer resync.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-conn.Done():
			return nil
		case <-resync.C:
			err = c.resync(ctx, conn)
		case <-c.asked:
			err = c.resyncAsked(ctx, conn)
		case <-flush.C:
			err = c.flushAndMark(ctx)
		}
		c.report(ctx, err)
	}
}

// report logs the first failure after a success.
func (c *clusterSync) report(ctx context.Context, err error) {
	if err != nil && !c.failing && ctx.Err() == nil {
		c.log.WarnContext(ctx, "the inventory of a cluster is not up to date; it is tried again", "err", err)
	}
	c.failing = err != nil
}

// addKinds begins to watch the kinds that the cluster has and that are not watched yet,
// one after the other, so that a large cluster is not asked for everything at once.
func (c *clusterSync) addKinds(ctx context.Context, conn watchedCluster) error {
	watched := map[schema.GroupKind]bool{}
	for _, k := range c.kinds {
		watched[k.groupKind()] = true
	}
	for _, kind := range c.deps.Kinds {
		gk := schema.GroupKind{Group: kind.Group, Kind: kind.Kind}
		if watched[gk] {
			continue
		}
		mapping, err := conn.Mapping(ctx, gk.WithVersion(kind.Version))
		if kubernetes.ReasonOf(err) == kubernetes.UnknownKind {
			continue
		}
		if err != nil {
			return err
		}
		kind.GroupVersionResource = mapping.Resource
		if err := c.addKind(ctx, conn, kind); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// addKind begins to watch a kind, and stores it if its list comes soon.
func (c *clusterSync) addKind(ctx context.Context, conn watchedCluster, kind inventory.Kind) error {
	if err := c.lists.Acquire(ctx, 1); err != nil {
		return err
	}
	defer c.lists.Release(1)
	k := newKindSync(c, conn, kind)
	c.kinds = append(c.kinds, k)
	k.start(ctx)
	k.awaitList(ctx, kindWait)
	c.report(ctx, c.flush(ctx)) // what could not be stored is kept for the next one
	return nil
}

// resync compares all kinds with the store again, and begins to watch those that were
// installed meanwhile.
func (c *clusterSync) resync(ctx context.Context, conn watchedCluster) error {
	for _, k := range c.kinds {
		k.relisted()
	}
	if err := c.addKinds(ctx, conn); err != nil {
		return err
	}
	c.deleted = c.bounds.trim
	return c.deps.Store.Forget(ctx, c.id, time.Now().Add(-historyAge))
}

func (c *clusterSync) resyncAsked(ctx context.Context, conn watchedCluster) error {
	if time.Since(c.askedAt) < askedGap {
		return nil
	}
	c.askedAt = time.Now()
	return c.resync(ctx, conn)
}

// flushAndMark stores what has changed, and now and then that everything that can be
// read is stored.
func (c *clusterSync) flushAndMark(ctx context.Context) error {
	if err := c.flush(ctx); err != nil {
		return err
	}
	for i, k := range c.kinds {
		if k.lost { // its objects are read again
			c.kinds = slices.Delete(c.kinds, i, i+1)
			k.end()
			c.kept -= len(k.stored)
			return c.addKind(ctx, k.conn, k.kind)
		}
	}
	if time.Since(c.syncedAt) < syncedEvery {
		return nil
	}
	for _, k := range c.kinds {
		if !k.compared && !k.informer.Failed() {
			return nil
		}
	}
	err := c.deps.Times.Set(ctx, models.ResourceSync{ClusterID: c.id, At: models.StoredTime(time.Now())})
	if err == nil {
		c.syncedAt = time.Now()
	}
	return err
}
