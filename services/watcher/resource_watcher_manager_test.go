package watcher

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/watch/watchtest"
)

// watches waits until exactly the given kinds are watched, each once.
func (w *watched) watches(kinds ...string) {
	w.t.Helper()
	want := map[string]int{}
	for _, k := range kinds {
		want[k] = 1
	}
	require.Eventually(w.t, func() bool {
		got := w.api.Watching()
		if len(got) != len(want) {
			return false
		}
		for k := range want {
			if got[k] != 1 {
				return false
			}
		}
		return true
	}, watcherPatience, time.Millisecond, "want %v, got %v", want, w.api.Watching())
}

func TestManagerSharesWatches(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"web", "deployment", ""}, [3]string{"api", "deployment", ""}, [3]string{"cm", "configmap", ""})
	for range 20 {
		defer w.Hold(w.wf.ID)()
	}
	w.Watch(w.wf.ID)
	w.watches("deployments", "configmaps", "pods", "events")
}

func TestManagerFollowsTheDrawing(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"web", "deployment", ""}, [3]string{"cm", "configmap", ""})
	defer w.Hold(w.wf.ID)()
	w.watches("deployments", "configmaps", "pods", "events")

	w.edit(func(wf *models.Workflow) {
		wf.Nodes = []models.Node{{ID: "svc", Type: "service", Data: models.Data{"name": "svc", "namespace": "shop"}}, wf.Nodes[1]}
	})
	w.Watch(w.wf.ID)
	w.watches("services", "configmaps", "events")

	w.edit(func(wf *models.Workflow) { wf.Status = models.WorkflowArchived })
	w.Watch(w.wf.ID)
	w.watches()
}

func TestManagerLeavesAloneWhatWasNeverDeployed(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"cm", "configmap", ""})
	w.edit(func(wf *models.Workflow) { wf.Status = models.WorkflowDraft })
	defer w.Hold(w.wf.ID)()
	defer w.Hold("ffffffffffffffffffffffff")()
	require.Eventually(t, func() bool {
		w.Manager.mu.Lock()
		defer w.Manager.mu.Unlock()
		return !w.interest[w.wf.ID].stale
	}, watcherPatience, time.Millisecond)
	w.watches()

	run := time.Now()
	w.edit(func(wf *models.Workflow) { wf.LastRunAt = &run })
	w.Watch(w.wf.ID)
	w.watches("configmaps")
}

func TestManagerEndsWatchesThatNobodyNeeds(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"cm", "configmap", ""})
	w.keep = 200 * time.Millisecond
	release := w.Hold(w.wf.ID)
	w.watches("configmaps")
	require.Never(t, func() bool { return len(w.api.Watching()) == 0 }, 2*w.keep, 10*time.Millisecond, "somebody reads")
	release()
	release()
	w.watches()
	w.Manager.mu.Lock()
	require.Empty(t, w.interest)
	require.Empty(t, w.watchers)
	w.Manager.mu.Unlock()

	w.api.Set("configmaps", w.object("cm", nil))
	defer w.Hold(w.wf.ID)()
	w.becomes("cm", "created")
}

// What changes while nobody looks is seen by the next who does, and is not watched
// for ever.
func TestManagerLooksForReadersOfWhatIsStored(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"web", "deployment", ""})
	w.keep = 200 * time.Millisecond
	w.api.Set("deployments", w.deployment("web", 1))
	w.Look(w.wf.ID)
	w.becomes("web", "partial")
	w.watches()
	w.api.Set("deployments", w.deployment("web", 2))
	w.Look(w.wf.ID)
	w.becomes("web", "healthy")
	w.watches()
}

func TestManagerLooksOnce(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"web", "deployment", ""})
	w.Look(w.wf.ID)
	w.watches("deployments", "pods", "events")
	before := w.api.Lists("deployments")
	for range 100 {
		w.Look(w.wf.ID)
	}
	w.watches("deployments", "pods", "events")
	require.Equal(t, before, w.api.Lists("deployments"), "a look at what is watched reads nothing")
}

func TestManagerMovesToANewConnection(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"cm", "configmap", ""})
	defer w.Hold(w.wf.ID)()
	w.watches("configmaps")

	old := w.api
	next := watchtest.New(t)
	next.Set("configmaps", w.object("cm", nil))
	w.watchedStore.mu.Lock()
	w.api = next
	w.watchedStore.mu.Unlock()
	old.Replace()
	w.becomes("cm", "created")
	w.watches("configmaps")
	require.Eventually(t, func() bool { return len(old.Watching()) == 0 }, watcherPatience, time.Millisecond)
}

func TestManagerWaitsForACluster(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"cm", "configmap", ""})
	w.edit(func(wf *models.Workflow) { wf.ClusterID = "unknown" })
	w.api.Set("configmaps", w.object("cm", nil))
	defer w.Hold(w.wf.ID)()
	require.Eventually(t, func() bool {
		w.Manager.mu.Lock()
		defer w.Manager.mu.Unlock()
		return w.interest[w.wf.ID].failures > 0
	}, watcherPatience, time.Millisecond)
	w.edit(func(wf *models.Workflow) { wf.ClusterID = "c1" })
	w.becomes("cm", "created")
}

func TestManagerSurvivesAPanic(t *testing.T) {
	t.Parallel()
	w := &watched{t: t, api: watchtest.New(t), in: "shop"}
	w.draw([][3]string{{"cm", "configmap", ""}})
	var attempts atomic.Int32
	w.run(func(context.Context, models.Workflow, string) (watchedCluster, error) {
		if attempts.Add(1) == 1 {
			panic("what nobody thought of")
		}
		return w.api, nil
	})
	w.api.Set("configmaps", w.object("cm", nil))
	defer w.Hold(w.wf.ID)()
	w.becomes("cm", "created")
}

func TestManagerStopsBeforeItStarts(t *testing.T) {
	t.Parallel()
	m := NewManager(Deps{})
	require.NoError(t, m.Stop(t.Context()))
}

func (s *watchedStore) statusOf(t *testing.T, node string) models.Data {
	t.Helper()
	wf, err := s.ByID(t.Context(), s.wf.ID)
	require.NoError(t, err)
	for _, n := range wf.Nodes {
		if n.ID == node {
			return n.Data.Map(models.StatusKey)
		}
	}
	return nil
}

func TestStatusesSayThatTheAccessIsGone(t *testing.T) {
	t.Parallel()
	store := &watchedStore{secrets: map[string]bool{}}
	store.wf = models.Workflow{ID: models.NewID(), OwnerID: "ann", ClusterID: "c1", Status: models.WorkflowPublished, Nodes: []models.Node{
		{ID: "web", Type: "deployment", Data: models.Data{"name": "web", models.StatusKey: map[string]any{"state": "healthy"}}},
		{ID: "new", Type: "configmap", Data: models.Data{"name": "new"}},
	}}
	asked := make(chan struct{}, 8)
	m := NewManager(Deps{
		Workflows: store, Events: store, Log: slog.New(slog.DiscardHandler),
		Connect: func(context.Context, models.Workflow, string) (watchedCluster, error) {
			asked <- struct{}{}
			return nil, &models.Error{Kind: models.Forbidden, Msg: "no access any more"}
		},
	})
	m.Start(t.Context())
	defer func() { require.NoError(t, m.Stop(t.Context())) }()
	defer m.Hold(store.wf.ID)()
	<-asked
	require.Eventually(t, func() bool { return fmt.Sprint(store.statusOf(t, "web")["reason"]) == "AccessLost" }, 10*time.Second, time.Millisecond)
	require.Equal(t, "no access any more", store.statusOf(t, "web")["message"])
	require.Nil(t, store.statusOf(t, "new"), "it was never there")
	m.AccessChanged()
	<-asked
}
