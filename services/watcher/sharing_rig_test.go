package watcher

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/watch/watchtest"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/plan"
)

// several are the managers of servers with one database.
type several struct {
	t         *testing.T
	workflows *repositories.Workflows
	wishes    *repositories.Watches
	api       *watchtest.API // of cluster c1
	servers   []*peer

	mu      sync.Mutex
	fence   int64
	holder  map[string]*peer
	fences  map[string]int64
	removed bool     // cluster c1 was
	log     []string // "1 stores web partial 2", "1 tells web partial 2", "2 resyncs", in their order
	sent    int      // messages
}

// peer is one of several servers: what its manager works with.
type peer struct {
	*Manager
	*repositories.Workflows

	all  *several
	name string

	mu      sync.Mutex
	blocked chan struct{}    // closed when stores go on; nil: they are not held up
	waiting int              // stores that are held up
	after   func()           // called when a status was stored
	believe map[string]int64 // fences of clusters that a server that stood still believes it holds
	alone   bool
}

func newSeveral(t *testing.T, servers int) *several {
	t.Helper()
	db := dbtest.Open(t).Database()
	s := &several{
		t: t, workflows: repositories.NewWorkflows(db), wishes: repositories.NewWatches(db), api: watchtest.New(t),
		holder: map[string]*peer{}, fences: map[string]int64{},
	}
	for i := range servers {
		p := &peer{Workflows: s.workflows, all: s, name: fmt.Sprint(i + 1)}
		p.Manager = NewManager(Deps{
			Workflows: p, Events: p, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Connect: s.connect,
			Sharing: &Sharing{Placement: p, Peers: p, Wishes: s.wishes, ClusterOf: s.clusterOf, Resync: p.resync},
		})
		s.servers = append(s.servers, p)
		p.Start(t.Context())
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), watcherPatience)
			defer cancel()
			require.NoError(t, p.Stop(ctx))
		})
	}
	return s
}

// draw stores a workflow with nodes: id, type, and stored status, which may be nil.
func (s *several) draw(nodes ...models.Node) models.Workflow { return s.drawIn("c1", nodes...) }

// drawIn is draw in any cluster.
func (s *several) drawIn(cluster string, nodes ...models.Node) models.Workflow {
	s.t.Helper()
	for i, n := range nodes {
		n.Data["name"], n.Data["namespace"] = n.ID, "shop"
		nodes[i] = n
	}
	w := models.Workflow{
		ID: models.NewID(), OwnerID: "ann", Name: "shop", ClusterID: cluster, ClusterRef: cluster, Status: models.WorkflowPublished,
		Nodes: nodes, Edges: []models.Edge{}, Tags: []string{}, CreatedAt: models.Now(), UpdatedAt: models.Now(),
	}
	require.NoError(s.t, s.workflows.Insert(s.t.Context(), w))
	return w
}

func drawn(id, nodeType string, status map[string]any) models.Node {
	n := models.Node{ID: id, Type: nodeType, Data: models.Data{}}
	if status != nil {
		n.Data[models.StatusKey] = status
	}
	return n
}

// object returns an object of a node of w.
func (s *several) object(w models.Workflow, node string) map[string]any {
	return (&watched{watchedStore: &watchedStore{wf: w}, in: "shop"}).object(node, nil)
}

// deployment returns a Deployment of a node of w with so many of 10,000 pods ready.
func (s *several) deployment(w models.Workflow, node string, ready int64) map[string]any {
	o := (&watched{watchedStore: &watchedStore{wf: w}, in: "shop"}).deployment(node, ready)
	o["spec"] = map[string]any{"replicas": int64(10_000)}
	return o
}

func (s *several) clusterOf(_ context.Context, w models.Workflow) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.removed && w.ClusterID == "c1" {
		return "", nil
	}
	return w.ClusterID, nil
}

func (s *several) connect(ctx context.Context, w models.Workflow, clusterID string) (watchedCluster, error) {
	now, _ := s.clusterOf(ctx, w)
	switch {
	case now == "":
		return nil, &models.Error{Kind: models.NotFound, Msg: "cluster not found"}
	case clusterID != "" && clusterID != now:
		return nil, &models.Error{Kind: models.Unavailable, Msg: "another cluster"}
	}
	return s.api, nil
}

// give gives a cluster to a server, as after a crash of the one before.
func (s *several) give(cluster string, to *peer) {
	s.mu.Lock()
	s.fence++
	s.holder[cluster], s.fences[cluster] = to, s.fence
	s.mu.Unlock()
	to.Gained(cluster)
}

// move gives a cluster to another server in good order.
func (s *several) move(cluster string, to *peer) {
	s.mu.Lock()
	from := s.holder[cluster]
	s.holder[cluster] = nil
	s.mu.Unlock()
	from.Releasing(s.t.Context(), cluster)
	s.give(cluster, to)
}

func (s *several) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

// noted returns what was noted with the given words.
func (s *several) noted(words string) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.log {
		if strings.Contains(line, words) {
			found = append(found, line)
		}
	}
	return found
}

func (s *several) statusOf(w models.Workflow, node string) models.Data {
	got, err := s.workflows.ByID(s.t.Context(), w.ID)
	require.NoError(s.t, err)
	i := slices.IndexFunc(got.Nodes, func(n models.Node) bool { return n.ID == node })
	return got.Nodes[i].Data.Map(models.StatusKey)
}

func (s *several) becomes(w models.Workflow, node, state string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.statusOf(w, node)["state"] == state }, watcherPatience, 5*time.Millisecond)
}

// ready waits until so many pods are stored.
func (s *several) ready(w models.Workflow, node string, n int64) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.statusOf(w, node)["readyReplicas"] == n }, watcherPatience, 5*time.Millisecond)
}

// Holds and the methods below are those of Sharing, of the store and of the events.
func (p *peer) Holds(cluster string) (fence int64, held bool) {
	p.mu.Lock()
	fence, believes := p.believe[cluster]
	p.mu.Unlock()
	if believes {
		return fence, true
	}
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	return p.all.fences[cluster], p.all.holder[cluster] == p
}

func (p *peer) Nudge() { p.all.note("%s nudges", p.name) }

func (p *peer) Alone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.alone
}

func (p *peer) Send(topic, key string, data []byte) {
	require.Equal(p.all.t, MessageWatch, topic)
	p.all.mu.Lock()
	p.all.sent++
	p.all.mu.Unlock()
	for _, other := range p.all.servers {
		if other != p {
			other.Wanted(key, string(data))
		}
	}
}

func (p *peer) resync(string) { p.all.note("%s resyncs", p.name) }

func (p *peer) Publish(_, _ string, data any) error {
	u, _ := data.(models.NodeUpdate)
	p.all.note("%s tells %s %v %v", p.name, u.NodeID, u.Status["state"], u.Status["readyReplicas"])
	return nil
}

func (p *peer) SetWatchedStatus(
	ctx context.Context, by models.WatchFence, workflowID, nodeID string, status map[string]any, secretCreated *bool,
) error {
	p.mu.Lock()
	blocked, after := p.blocked, p.after
	if blocked != nil {
		p.waiting++
	}
	p.mu.Unlock()
	if blocked != nil {
		<-blocked
		ctx = context.WithoutCancel(ctx) // as if the command had been sent already
	}
	p.all.mu.Lock() // one after the other, so that the log has their order
	err := p.Workflows.SetWatchedStatus(ctx, by, workflowID, nodeID, status, secretCreated)
	if err == nil {
		p.all.log = append(p.all.log, fmt.Sprintf("%s stores %s %v %v", p.name, nodeID, status["state"], status["readyReplicas"]))
	}
	p.all.mu.Unlock()
	if after != nil && err == nil {
		after()
	}
	return err
}

// block holds up what p stores until the returned function is called.
func (p *peer) block() (unblock func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	blocked := make(chan struct{})
	p.blocked = blocked
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.blocked = nil
		close(blocked)
	}
}

// storing waits until p is about to store something.
func (p *peer) storing() {
	p.all.t.Helper()
	require.Eventually(p.all.t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.waiting > 0
	}, watcherPatience, time.Millisecond)
}

// watches reports whether p watches a workflow.
func (p *peer) watches(w models.Workflow) bool {
	p.Manager.mu.Lock()
	defer p.Manager.mu.Unlock()
	for _, shared := range p.watchers {
		shared.mu.RLock()
		t := shared.tracked[plan.NodeLabel(w.ID)]
		shared.mu.RUnlock()
		if t != nil {
			return true
		}
	}
	return false
}
