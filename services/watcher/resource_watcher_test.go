package watcher

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/watch/watchtest"
	"github.com/kubeorch/core/services/plan"
	"github.com/kubeorch/core/services/status"
)

const watcherPatience = time.Minute

// watchedStore keeps one workflow and what is stored of its nodes.
type watchedStore struct {
	mu        sync.Mutex
	wf        models.Workflow
	inventory []models.OwnedObject
	fails     int      // so many writes fail first
	log       []string // "store web partial", "tell web partial" in the order of the calls
	secrets   map[string]bool
}

func (s *watchedStore) ByID(_ context.Context, id string) (models.Workflow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id != s.wf.ID {
		return models.Workflow{}, &models.Error{Kind: models.NotFound}
	}
	wf := s.wf
	wf.Nodes = nil
	for _, n := range s.wf.Nodes {
		data := models.Data{}
		for k, v := range n.Data {
			data[k] = v
		}
		n.Data = data
		wf.Nodes = append(wf.Nodes, n)
	}
	return wf, nil
}

func (s *watchedStore) Inventory(context.Context, string) ([]models.OwnedObject, error) {
	return s.inventory, nil
}

func (s *watchedStore) RaiseWatchFence(ctx context.Context, id string, _ models.WatchFence) (models.Workflow, error) {
	return s.ByID(ctx, id)
}

func (s *watchedStore) SetWatchedStatus(
	_ context.Context, _ models.WatchFence, wf, node string, st map[string]any, secret *bool,
) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails > 0 {
		s.fails--
		return errors.New("the database is away")
	}
	for _, n := range s.wf.Nodes {
		if n.ID == node && wf == s.wf.ID {
			n.Data[models.StatusKey] = st
			if secret != nil {
				s.secrets[node] = *secret
			}
		}
	}
	s.log = append(s.log, "store "+node+" "+st["state"].(string))
	return nil
}

func (s *watchedStore) Publish(_, _ string, data any) error {
	u := data.(models.NodeUpdate)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, "tell "+u.NodeID+" "+u.Status["state"].(string))
	return nil
}

// status returns what is stored of a node.
func (s *watchedStore) status(node string) status.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.wf.Nodes {
		if n.ID == node {
			return n.Data.Map(models.StatusKey)
		}
	}
	return nil
}

// edit changes the stored workflow.
func (s *watchedStore) edit(f func(*models.Workflow)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.wf)
}

func (s *watchedStore) writes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.log...)
}

// watched is a manager with one workflow in one cluster.
type watched struct {
	*Manager
	*watchedStore
	t   *testing.T
	api *watchtest.API
	in  string // the namespace of the nodes
}

// watchNodes starts a manager for a workflow with the given nodes: id, type,
// and stored state, which may be empty.
func watchNodes(t *testing.T, nodes ...[3]string) *watched {
	t.Helper()
	w := &watched{t: t, api: watchtest.New(t), in: "shop"}
	w.draw(nodes)
	w.run(WatchThrough(func(_ context.Context, wf models.Workflow, _ string) (*watchtest.API, error) {
		if wf.OwnerID != "ann" || wf.ClusterID != "c1" {
			return nil, &models.Error{Kind: models.NotFound}
		}
		w.watchedStore.mu.Lock()
		defer w.watchedStore.mu.Unlock()
		return w.api, nil
	}))
	return w
}

func (w *watched) draw(nodes [][3]string) {
	w.watchedStore = &watchedStore{secrets: map[string]bool{}}
	w.wf = models.Workflow{ID: models.NewID(), OwnerID: "ann", ClusterID: "c1", Status: models.WorkflowPublished}
	for _, n := range nodes {
		data := models.Data{"name": n[0], "namespace": w.in}
		if n[2] != "" {
			data[models.StatusKey] = map[string]any{"state": n[2]}
		}
		w.wf.Nodes = append(w.wf.Nodes, models.Node{ID: n[0], Type: n[1], Data: data})
	}
}

func (w *watched) run(connect Connect) {
	w.t.Helper()
	w.Manager = NewManager(Deps{
		Workflows: w.watchedStore, Events: w.watchedStore, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)), Connect: connect,
	})
	w.Start(w.t.Context())
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(w.t.Context()), watcherPatience)
		defer cancel()
		require.NoError(w.t, w.Stop(ctx))
	})
}

// object returns an object of a node of the workflow with more fields.
func (w *watched) object(node string, more map[string]any) map[string]any {
	o := map[string]any{
		"apiVersion": "v1", "kind": "Any",
		"metadata": map[string]any{
			"name": node, "namespace": w.in, "generation": int64(1),
			"labels": map[string]any{"managed-by": "kubeorch", plan.WorkflowLabel: w.wf.ID, plan.NodeIDLabel: node},
		},
	}
	for k, v := range more {
		o[k] = v
	}
	return o
}

// deployment returns a Deployment of two pods with so many of them ready.
func (w *watched) deployment(node string, ready int64) map[string]any {
	conditions := []any{}
	if ready == 2 {
		conditions = []any{
			map[string]any{"type": "Available", "status": "True"},
			map[string]any{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
		}
	}
	o := w.object(node, map[string]any{
		"spec": map[string]any{"replicas": int64(2)},
		"status": map[string]any{
			"observedGeneration": int64(1), "replicas": int64(2), "updatedReplicas": int64(2),
			"readyReplicas": ready, "availableReplicas": ready, "conditions": conditions,
		},
	})
	o["apiVersion"], o["kind"] = "apps/v1", "Deployment"
	return o
}

func (w *watched) becomes(node, state string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.status(node)["state"] == state }, watcherPatience, time.Millisecond,
		"%s should become %s, is %v", node, state, w.status(node))
}

// told waits until the last status of a node was published.
func (w *watched) told(node, state string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		log := w.writes()
		return len(log) > 0 && log[len(log)-1] == "tell "+node+" "+state
	}, watcherPatience, time.Millisecond)
}

func TestWatcherStoresAndThenTells(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"web", "deployment", ""}, [3]string{"key", "secret", ""})
	w.api.Set("deployments", w.deployment("web", 1))
	defer w.Hold(w.wf.ID)()
	w.becomes("web", "partial")
	w.told("web", "partial")
	require.Equal(t, []string{"store web partial", "tell web partial"}, w.writes(), "present states are told at once")

	w.api.Set("deployments", w.deployment("web", 2))
	w.becomes("web", "healthy")
	require.Equal(t, int64(2), w.status("web")["readyReplicas"])

	w.api.Set("secrets", w.object("key", map[string]any{"data": map[string]any{"a": "Yg=="}}))
	w.becomes("key", "created")
	w.told("key", "created")
	require.True(t, w.secrets["key"])
}

func TestWatcherNamesWhatPodsSuffer(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"web", "deployment", ""}, [3]string{"rules", "networkpolicy", ""})
	w.api.Set("networkpolicies", w.object("rules", map[string]any{"spec": map[string]any{"podSelector": map[string]any{}}}))
	w.api.Set("deployments", w.deployment("web", 0))
	defer w.Hold(w.wf.ID)()
	w.becomes("web", "partial")
	w.becomes("rules", "active")

	pod := w.object("web", map[string]any{"status": map[string]any{
		"phase": "Pending", "containerStatuses": []any{map[string]any{
			"name": "web", "image": "nginx:nope", "state": map[string]any{"waiting": map[string]any{"reason": "ImagePullBackOff"}},
		}},
	}})
	delete(pod["metadata"].(map[string]any)["labels"].(map[string]any), "managed-by") // pods need not have it
	start := time.Now()
	w.api.Set("pods", pod)
	w.becomes("web", "error")
	require.Less(t, time.Since(start), 2*time.Second)
	require.Equal(t, "ImagePullBackOff", w.status("web")["reason"])
	require.Eventually(t, func() bool { return w.status("rules")["affectedPods"] == int64(1) }, watcherPatience, time.Millisecond)
}

func TestWatcherWritesOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"cm", "configmap", "created"}, [3]string{"web", "deployment", ""})
	w.api.Set("configmaps", w.object("cm", nil))
	defer w.Hold(w.wf.ID)()
	defer w.Hold(w.wf.ID)()
	for i := range 5 {
		o := w.object("cm", nil)
		o["metadata"].(map[string]any)["annotations"] = map[string]any{"n": string(rune('a' + i))}
		w.api.Set("configmaps", o)
	}
	w.api.Set("deployments", w.deployment("web", 2))
	w.told("web", "healthy")
	require.Equal(t, []string{"store web healthy", "tell web healthy"}, w.writes())
}

func TestWatcherDeletions(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"seen", "configmap", ""}, [3]string{"replaced", "configmap", ""},
		[3]string{"before", "deployment", "healthy"}, [3]string{"never", "service", ""},
		[3]string{"failed", "deployment", "error"}, [3]string{"done", "job", "completed"}, [3]string{"off", "configmap", "created"})
	w.api.Set("configmaps", w.object("seen", nil))
	w.api.Set("configmaps", w.object("replaced", nil))
	w.api.Set("configmaps", w.object("off", nil))
	defer w.Hold(w.wf.ID)()
	w.becomes("seen", "created")
	w.becomes("replaced", "created")

	w.edit(func(wf *models.Workflow) { wf.Nodes = wf.Nodes[:len(wf.Nodes)-1] }) // "off" is taken off the drawing
	w.api.Delete("configmaps", "shop", "off")
	w.api.Delete("configmaps", "shop", "replaced")
	w.api.Set("configmaps", w.object("replaced", nil))
	w.api.Delete("configmaps", "shop", "seen")
	w.becomes("seen", "error")
	w.becomes("before", "error")
	require.Equal(t, "Deleted", w.status("before")["reason"])
	require.Equal(t, "created", w.status("replaced")["state"])
	require.Empty(t, w.status("never"))
	require.Empty(t, w.status("failed")["reason"], "a node that could not be applied misses nothing")
	require.Equal(t, "completed", w.status("done")["state"], "clusters remove jobs that have ended")

	w.api.Set("configmaps", w.object("seen", nil))
	w.becomes("seen", "created")
	for _, line := range w.writes() {
		require.NotContains(t, line, "replaced error")
		require.NotContains(t, line, "off")
	}
}

func TestWatcherTakesNoFailureForADeletion(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"web", "deployment", "healthy"}, [3]string{"svc", "service", "healthy"}, [3]string{"cm", "configmap", ""})
	w.api.Refuse("deployments", http.StatusInternalServerError)
	w.api.Refuse("services", http.StatusForbidden)
	w.api.Set("configmaps", w.object("cm", nil))
	defer w.Hold(w.wf.ID)()
	w.told("cm", "created")
	time.Sleep(goneFor + 500*time.Millisecond) // nothing may happen, so there is nothing to wait for
	require.Equal(t, []string{"store cm created", "tell cm created"}, w.writes())
}

func TestWatcherWithoutTheRightToReadPods(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"web", "deployment", ""})
	w.api.Refuse("pods", http.StatusForbidden)
	w.api.Set("deployments", w.deployment("web", 2))
	defer w.Hold(w.wf.ID)()
	w.becomes("web", "healthy")
}

func TestWatcherStoresAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"cm", "configmap", ""})
	w.fails = 1
	w.api.Set("configmaps", w.object("cm", nil))
	defer w.Hold(w.wf.ID)()
	w.told("cm", "created")
	require.Equal(t, []string{"store cm created", "tell cm created"}, w.writes(), "nothing is told before it is stored")
}

func TestWatcherOfCustomResources(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"db", "plugin", ""})
	w.inventory = []models.OwnedObject{
		{Cluster: "c1", APIVersion: "v1", Kind: "Secret", Namespace: "shop", Name: "db"},
		{Cluster: "c2", APIVersion: "example.com/v1", Kind: "Elsewhere", Namespace: "shop", Name: "db"},
		{Cluster: "c1", APIVersion: "example.com/v1", Kind: "Database", Namespace: "shop", Name: "db"},
	}
	ready := func(status string) map[string]any {
		return w.object("db", map[string]any{"status": map[string]any{"conditions": []any{
			map[string]any{"type": "Ready", "status": status, "message": "creating the primary"},
		}}})
	}
	w.api.Set("databases", ready("False"))
	defer w.Hold(w.wf.ID)()
	w.becomes("db", "partial")
	require.Equal(t, "creating the primary", w.status("db")["message"])
	w.api.Set("databases", ready("True"))
	w.becomes("db", "healthy")
	require.Equal(t, map[string]int{"databases": 1, "pods": 1, "events": 1}, w.api.Watching())
}
