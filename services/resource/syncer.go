package resource

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/watch"
	"github.com/kubeorch/core/services/inventory"
)

const (
	// placeEvery is the time between two looks at which clusters there are, for what
	// no call of Nudge told.
	placeEvery = 30 * time.Second

	// firstLists is how many kinds are listed at the same time, in all clusters: the
	// lists of large clusters take much more memory than what is kept of them.
	firstLists = 3

	// clusterPage is how many clusters are read from the database at once.
	clusterPage = 500
)

// clusters lists all clusters.
type clusters interface {
	Page(ctx context.Context, after string, limit int) ([]models.Cluster, error)
}

// store keeps what a Syncer sees.
type store interface {
	ByIDs(ctx context.Context, ids []string) ([]models.Resource, error)
	Hashes(ctx context.Context, clusterID, group, kind string) ([]models.ResourceHash, error)
	Write(ctx context.Context, list []models.ResourceWrite) error
	Trim(ctx context.Context, clusterID string, most int) error
	Forget(ctx context.Context, clusterID string, before time.Time) error
}

// syncStore keeps when inventories were complete.
type syncStore interface {
	Begin(ctx context.Context, clusterID string) error
	Set(ctx context.Context, s models.ResourceSync) error
}

// publisher sends events to the readers of a stream.
type publisher interface {
	PublishBare(key, event string, data any) error
}

// placement tells which clusters this server watches; the others are watched by other
// servers with the same database.
type placement interface {
	Holds(clusterID string) (fence int64, held bool)
}

// watchedCluster is a connection to a cluster.
type watchedCluster interface {
	watch.Connection
	Mapping(ctx context.Context, gvk schema.GroupVersionKind) (*meta.RESTMapping, error)
	// Done is closed when another connection takes its place.
	Done() <-chan struct{}
}

// Connect returns the connection to a cluster. It sends nothing to the cluster.
type Connect func(ctx context.Context, clusterID string) (watchedCluster, error)

// SyncThrough adapts a function that returns a concrete connection.
func SyncThrough[C watchedCluster](f func(ctx context.Context, clusterID string) (C, error)) Connect {
	return func(ctx context.Context, clusterID string) (watchedCluster, error) { return f(ctx, clusterID) }
}

// SyncerDeps is what a Syncer works with.
type SyncerDeps struct {
	Clusters  clusters
	Connect   Connect
	Store     store
	Times     syncStore
	Events    publisher
	Placement placement
	Peers     peers
	Kinds     []inventory.Kind // that are kept where a cluster has them
	Log       *slog.Logger
}

// Syncer keeps the inventories of the clusters that this server holds. It watches each
// kind of object once and stores changes some at a time. It is safe for concurrent use.
type Syncer struct {
	deps   SyncerDeps
	bounds bounds
	wants  wants
	nudge  chan struct{}
	wanted chan struct{} // holds one place: another server wants something
	lists  *semaphore.Weighted

	mu      sync.Mutex
	running map[string]*clusterSync // by cluster
}

// NewSyncer returns a syncer that does nothing before Run.
func NewSyncer(deps SyncerDeps) *Syncer {
	return &Syncer{
		deps: deps, bounds: defaultBounds(), wanted: make(chan struct{}, 1), lists: semaphore.NewWeighted(firstLists), nudge: make(chan struct{}, 1), running: map[string]*clusterSync{},
		wants: wants{peers: deps.Peers, held: map[string]int{}, heard: map[string]time.Time{}},
	}
}

// Run watches the clusters that this server holds until ctx ends, and returns nil when
// nothing is being stored any more.
func (s *Syncer) Run(ctx context.Context) error {
	tick := time.NewTicker(placeEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := s.place(ctx); err != nil && ctx.Err() == nil {
			s.deps.Log.WarnContext(ctx, "the clusters for the inventory could not be listed", "err", err)
		}
		s.wants.renew(time.Now())
		s.await(ctx, tick.C)
	}
	s.mu.Lock()
	all := s.running
	s.running = map[string]*clusterSync{}
	s.mu.Unlock()
	for _, c := range all {
		c.cancel()
	}
	for _, c := range all {
		<-c.done
	}
	return nil
}

// await waits until it is time to look at the clusters, and answers other servers
// meanwhile.
func (s *Syncer) await(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			return
		case <-s.nudge:
			return
		case <-s.wanted:
			if err := s.answerWants(ctx); err != nil && ctx.Err() == nil {
				s.deps.Log.WarnContext(ctx, "the states of resources could not be read for other servers", "err", err)
			}
		}
	}
}

// Nudge has the Syncer look soon at which clusters there are. It does not block.
func (s *Syncer) Nudge() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// Releasing ends the watches of a cluster that another server is to hold. When it
// returns, nothing of the cluster is being stored here, unless ctx has ended.
func (s *Syncer) Releasing(ctx context.Context, clusterID string) {
	s.mu.Lock()
	c := s.running[clusterID]
	delete(s.running, clusterID)
	s.mu.Unlock()
	if c == nil {
		return
	}
	c.cancel()
	select {
	case <-c.done:
	case <-ctx.Done():
	}
}

// place starts and ends the synchronisation of clusters.
func (s *Syncer) place(ctx context.Context) error {
	there := map[string]bool{}
	for after := ""; ; {
		page, err := s.deps.Clusters.Page(ctx, after, clusterPage)
		if err != nil {
			return err
		}
		for _, c := range page {
			after = c.ID
			if _, held := s.deps.Placement.Holds(c.ID); held {
				there[c.ID] = true
				s.begin(ctx, c)
			}
		}
		if len(page) < clusterPage {
			break
		}
	}
	s.mu.Lock()
	var over []string
	for id := range s.running {
		if !there[id] {
			over = append(over, id)
		}
	}
	s.mu.Unlock()
	for _, id := range over {
		s.Releasing(ctx, id)
	}
	return nil
}

func (s *Syncer) begin(ctx context.Context, cluster models.Cluster) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[cluster.ID] != nil {
		return
	}
	c := newClusterSync(s, cluster)
	ctx, c.cancel = context.WithCancel(ctx)
	s.running[cluster.ID] = c
	go func() { // Run and Releasing wait for it
		defer close(c.done)
		defer c.cancel()
		c.run(ctx)
	}()
}

// Sync has clusters read again soon, whoever holds them. It does not block.
func (s *Syncer) Sync(clusterIDs []string) {
	for _, id := range clusterIDs {
		if !s.Asked(id) {
			s.deps.Peers.Send(MessageSync, id, nil)
		}
	}
}

// Asked has a cluster read again soon if this server holds it, and reports whether it
// does. The handler of MessageSync calls it.
func (s *Syncer) Asked(clusterID string) bool {
	s.mu.Lock()
	c := s.running[clusterID]
	s.mu.Unlock()
	if c != nil {
		c.ask()
	}
	return c != nil
}
