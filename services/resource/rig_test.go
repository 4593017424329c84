package resource

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/pkg/watch/watchtest"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/inventory"
)

// rig is an inventory of cluster c1, which ann owns, over a small API server.
type rig struct {
	t       *testing.T
	db      *mongo.Database
	api     *watchtest.API
	records *repositories.Resources
	times   *repositories.ResourceSyncs
	marks   *repositories.ResourceMarks
	syncer  *Syncer
	service *Service

	mu       sync.Mutex
	grants   map[string]models.ClusterGrant // by user
	many     []models.ClusterGrant          // of eve
	clusters []models.Cluster
	failing  error             // of the database, for writes
	writes   int               // commands that wrote
	held     bool              // whether this server holds the cluster
	updates  map[string][]any  // published, by stream
	sent     []string          // messages to other servers
	flows    []models.Workflow // that exist
}

var errDatabase = &models.Error{Kind: models.Unavailable, Msg: "the database is away"} //nolint:gochecknoglobals // never written

// kinds are the kinds of the rig's cluster.
func kinds() []inventory.Kind {
	wanted := []string{"Deployment", "Pod", "Secret", "Namespace", "CronJob", "Job"}
	return slices.DeleteFunc(inventory.Builtin(), func(k inventory.Kind) bool { return !slices.Contains(wanted, k.Kind) })
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, dbtest.Open(t).Database(), watchtest.New(t))
}

func newRigOn(t *testing.T, db *mongo.Database, api *watchtest.API) *rig {
	t.Helper()
	c1 := models.Cluster{ID: "c1", Name: "prod", OwnerID: "ann"}
	r := &rig{
		t: t, db: db, api: api, held: true, updates: map[string][]any{}, clusters: []models.Cluster{c1},
		records: repositories.NewResources(db), times: repositories.NewResourceSyncs(db), marks: repositories.NewResourceMarks(db),
		grants: map[string]models.ClusterGrant{"ann": {Cluster: c1, UserID: "ann", Role: models.ClusterOwner}},
	}
	r.syncer = NewSyncer(SyncerDeps{
		Clusters: r, Connect: SyncThrough(func(context.Context, string) (*watchtest.API, error) { return api, nil }),
		Store: r, Times: r.times, Events: r, Placement: r, Peers: r, Kinds: kinds(), Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	r.service = NewService(Deps{
		Records: r.records, Marks: r.marks, Access: r, Workflows: r, Times: r.times, Syncer: r.syncer, Now: time.Now,
	})
	return r
}

// start runs the rig until the returned function is called, or the test ends.
func (r *rig) start() (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = r.syncer.Run(ctx) })
	running.Go(func() { _ = r.service.Run(ctx) })
	stop = func() {
		cancel()
		running.Wait()
	}
	r.t.Cleanup(stop)
	return stop
}

// Page lists the clusters.
func (r *rig) Page(_ context.Context, after string, _ int) ([]models.Cluster, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.clusters), func(c models.Cluster) bool { return c.ID <= after }), nil
}

// Holds implements placement.
func (r *rig) Holds(string) (int64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return 0, r.held
}

// Send implements peers.
func (r *rig) Send(topic, key string, _ []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, topic+" "+key)
}

// PublishBare implements publisher.
func (r *rig) PublishBare(key, _ string, data any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.updates[key] = append(r.updates[key], data)
	return nil
}

func (r *rig) published(id string) []any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.updates[models.ResourceStream(id)])
}

// List implements access.
func (r *rig) List(_ context.Context, userID string) ([]models.ClusterGrant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if userID == "eve" {
		return slices.Clone(r.many), nil
	}
	if g, ok := r.grants[userID]; ok {
		return []models.ClusterGrant{g}, nil
	}
	return nil, nil
}

// RequireByID implements access.
func (r *rig) RequireByID(_ context.Context, userID, clusterID string, action models.ClusterAction) (models.ClusterGrant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g, ok := r.grants[userID]
	switch {
	case !ok || g.Cluster.ID != clusterID:
		return g, &models.Error{Kind: models.NotFound, Msg: "cluster not found"}
	case !g.May(action):
		return g, &models.Error{Kind: models.Forbidden, Msg: "you may not " + action.String()}
	}
	return g, nil
}

func (r *rig) grant(user string, g models.ClusterGrant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.Cluster, g.UserID = r.clusters[0], user
	r.grants[user] = g
}

func (r *rig) withdraw(user string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.grants, user)
}

// ByID implements workflows.
func (r *rig) ByID(_ context.Context, id string) (models.Workflow, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.flows {
		if w.ID == id {
			return w, nil
		}
	}
	return models.Workflow{}, &models.Error{Kind: models.NotFound, Msg: "workflow not found"}
}

// The methods of store pass on to the records.

func (r *rig) ByIDs(ctx context.Context, ids []string) ([]models.Resource, error) {
	return r.records.ByIDs(ctx, ids)
}

func (r *rig) Hashes(ctx context.Context, clusterID, group, kind string) ([]models.ResourceHash, error) {
	return r.records.Hashes(ctx, clusterID, group, kind)
}

func (r *rig) Write(ctx context.Context, list []models.ResourceWrite) error {
	r.mu.Lock()
	r.writes++
	err := r.failing
	r.mu.Unlock()
	if err != nil {
		return err
	}
	return r.records.Write(ctx, list)
}

func (r *rig) Trim(ctx context.Context, clusterID string, most int) error {
	return r.records.Trim(ctx, clusterID, most)
}

func (r *rig) Forget(ctx context.Context, clusterID string, before time.Time) error {
	return r.records.Forget(ctx, clusterID, before)
}

func (r *rig) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failing = err
}

func (r *rig) written() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writes
}

// eventually waits until what ann sees of a resource passes check.
func (r *rig) eventually(id, what string, check func(d models.ResourceDetail) bool) models.ResourceDetail {
	r.t.Helper()
	var last models.ResourceDetail
	kubetest.Eventually(r.t, what, func(ctx context.Context) (err error) {
		if last, err = r.service.Get(ctx, "ann", id); err != nil {
			return err
		}
		if !check(last) {
			return fmt.Errorf("it is %+v", last)
		}
		return nil
	})
	return last
}

func (r *rig) eventuallyHas(user string, q models.ResourceQuery, names ...string) {
	r.t.Helper()
	q.Limit, q.Sort = 100, models.SortResourcesByName
	kubetest.Eventually(r.t, "a list", func(ctx context.Context) error {
		page, err := r.service.List(ctx, user, "", q)
		if err != nil {
			return err
		}
		got := []string{}
		for _, row := range page.Resources {
			got = append(got, row.Name)
		}
		if !slices.Equal(got, names) || page.Total != int64(len(names)) {
			return fmt.Errorf("%s has %v, %d in all", user, got, page.Total)
		}
		return nil
	})
}

func status(want string) func(models.ResourceDetail) bool {
	return func(d models.ResourceDetail) bool { return d.Resource.Status == want }
}

func actions(d models.ResourceDetail) (list []string) {
	for _, h := range d.History {
		list = append(list, h.Action)
	}
	return list
}

func (r *rig) eventuallyUnwatched() {
	r.t.Helper()
	kubetest.Eventually(r.t, "no watches", func(context.Context) error {
		if got := r.api.Watching(); len(got) > 0 {
			return fmt.Errorf("there are %v", got)
		}
		return nil
	})
}
