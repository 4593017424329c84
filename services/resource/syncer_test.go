package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/pkg/watch/watchtest"
)

func TestInventoryFollowsTheCluster(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	web := idOf("apps", "Deployment", "shop", "web")
	r.api.Set("deployments", deployment("web", "u1", 1))
	r.start()
	d := r.eventually(web, "the Deployment", status(models.ResourceWarning))
	require.Equal(t, []string{models.ResourceCreated}, actions(d))
	require.Equal(t, "prod", d.Resource.ClusterName)
	require.Equal(t, "2026-01-02T03:04:05Z", d.Resource.CreatedAt.Format(time.RFC3339), "by the cluster")
	first := d.Resource.FirstDiscoveredAt

	r.api.Set("deployments", deployment("web", "u1", 3))
	d = r.eventually(web, "all pods ready", status(models.ResourceRunning))
	require.Equal(t, []string{models.ResourceStatusChanged, models.ResourceCreated}, actions(d))
	require.Equal(t, models.ResourceWarning, d.History[0].OldStatus)
	require.Equal(t, models.ResourceRunning, d.History[0].NewStatus)

	r.api.Delete("deployments", "shop", "web")
	d = r.eventually(web, "its deletion", status(models.ResourceDeleted))
	require.NotNil(t, d.Resource.DeletedAt)
	require.Equal(t, models.ResourceWasDeleted, actions(d)[0])
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"})

	r.api.Set("deployments", deployment("web", "u2", 3))
	d = r.eventually(web, "its return", status(models.ResourceRunning))
	require.Equal(t, "u2", d.Resource.UID)
	require.Nil(t, d.Resource.DeletedAt)
	require.Equal(t, first, d.Resource.FirstDiscoveredAt)
	require.Equal(t, []string{models.ResourceCreated, models.ResourceWasDeleted, models.ResourceStatusChanged, models.ResourceCreated}, actions(d))
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "web")
}

// An object that is deleted and made again between two looks is another one.
func TestReplacedObjectsSaySo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	web := idOf("apps", "Deployment", "shop", "web")
	r.api.Set("deployments", deployment("web", "u1", 3))
	r.start()
	r.eventually(web, "the Deployment", status(models.ResourceRunning))
	r.api.Set("deployments", deployment("web", "u2", 0))
	d := r.eventually(web, "another one", func(d models.ResourceDetail) bool { return d.Resource.UID == "u2" })
	require.Equal(t, []string{models.ResourceCreated, models.ResourceWasDeleted, models.ResourceCreated}, actions(d))
}

// Changes of no interest are not stored.
func TestOnlyChangesAreStored(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.api.Set("deployments", deployment("web", "u1", 3))
	r.start()
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "web")
	before := r.written()
	for range 5 {
		r.api.Set("deployments", deployment("web", "u1", 3)) // another resourceVersion
	}
	r.api.Set("deployments", deployment("api", "u2", 3))
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "api", "web")
	require.Equal(t, before+1, r.written())
}

// While a kind cannot be read its records stay, and what was missed is found later.
func TestFailedListsAreNoDeletions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.api.Set("deployments", deployment("web", "u1", 3))
	r.api.Set("deployments", deployment("old", "u2", 3))
	stop := r.start()
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "old", "web")
	stop()

	again := newRigOn(t, r.db, r.api)
	again.api.Refuse("deployments", http.StatusForbidden)
	again.api.Set("pods", pod("shop", "p1", ""))
	again.start()
	again.eventuallyHas("ann", models.ResourceQuery{Kind: "Pod"}, "p1")
	again.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "old", "web")

	again.api.Delete("deployments", "shop", "old")
	again.api.Set("deployments", deployment("new", "u3", 3))
	again.api.Refuse("deployments", 0)
	again.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "new", "web")
	d := again.eventually(idOf("apps", "Deployment", "shop", "old"), "what was missed", status(models.ResourceDeleted))
	require.Equal(t, models.ResourceWasDeleted, actions(d)[0])
}

// Records that were lost from the database are made again when somebody asks.
func TestLostRecordsComeBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.api.Set("deployments", deployment("web", "u1", 3))
	r.api.Set("deployments", deployment("api", "u2", 3))
	r.start()
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "api", "web")
	require.NoError(t, r.records.DeleteByCluster(t.Context(), "c1"))
	require.NoError(t, r.service.Sync(t.Context(), "ann", ""))
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "api", "web")
}

// What changed while no server ran is found, with its history.
func TestRestartRepairs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, name := range []string{"gone", "same", "changed"} {
		r.api.Set("deployments", deployment(name, "u-"+name, 3))
	}
	stop := r.start()
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "changed", "gone", "same")
	stop()
	r.api.Delete("deployments", "shop", "gone")
	r.api.Set("deployments", deployment("changed", "u-changed", 0))

	again := newRigOn(t, r.db, r.api)
	again.start()
	again.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "changed", "same")
	again.eventually(idOf("apps", "Deployment", "shop", "changed"), "its change", func(d models.ResourceDetail) bool {
		return d.Resource.Status == models.ResourceFailed && actions(d)[0] == models.ResourceStatusChanged
	})
	d := again.eventually(idOf("apps", "Deployment", "shop", "same"), "no change", status(models.ResourceRunning))
	require.Equal(t, []string{models.ResourceCreated}, actions(d))
}

// A database that is away delays changes and loses none.
func TestChangesOutliveTheDatabase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.api.Set("deployments", deployment("web", "u1", 3))
	r.api.Set("deployments", deployment("old", "u2", 3))
	r.start()
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "old", "web")
	r.fail(errDatabase)
	before := r.written()
	r.api.Delete("deployments", "shop", "old")
	r.api.Set("deployments", deployment("new", "u3", 1))
	kubetest.Eventually(t, "attempts to store", func(context.Context) error {
		if r.written() < before+2 {
			return errors.New("too few")
		}
		return nil
	})
	r.fail(nil)
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "new", "web")
}

func TestExpiredWatchesMissNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.api.Set("pods", pod("shop", "p1", ""))
	r.start()
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Pod"}, "p1")
	r.api.Break("pods")
	r.api.Set("pods", pod("shop", "p2", ""))
	r.api.Delete("pods", "shop", "p1")
	r.api.Expire("pods")
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Pod"}, "p2")
}

// A server that does not hold the cluster stores nothing of it.
func TestOnlyTheHolderStores(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.api.Set("deployments", deployment("web", "u1", 3))
	r.start()
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "web")
	r.mu.Lock()
	r.held = false
	r.mu.Unlock()
	r.syncer.Releasing(t.Context(), "c1")
	r.eventuallyUnwatched()
	before := r.written()
	r.api.Set("deployments", deployment("api", "u2", 3))
	r.syncer.Nudge()
	r.service.deps.Syncer.Sync([]string{"c1"})
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Contains(t, r.sent, MessageSync+" c1", "another server reads it again")
	require.Equal(t, before, r.writes)
}

func TestConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	fresh := watchtest.New(t)
	fresh.Set("pods", pod("shop", "p2", ""))
	r.api.Set("pods", pod("shop", "p1", ""))
	next := r.api
	r.syncer.deps.Connect = SyncThrough(func(context.Context, string) (*watchtest.API, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return next, nil
	})
	r.start()
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Pod"}, "p1")
	r.mu.Lock()
	next = fresh
	r.mu.Unlock()
	r.api.Replace()
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Pod"}, "p2")
	r.eventuallyUnwatched()
}

// The records of deleted objects are bounded, and so are those of live ones.
func TestRecordsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.syncer.bounds = bounds{live: 20, deleted: 5, trim: 3}
	name := func(i int) string { return fmt.Sprintf("p%02d", i) }
	total := func(want int64) {
		t.Helper()
		kubetest.Eventually(t, "a number of live records", func(ctx context.Context) error {
			page, err := r.service.List(ctx, "ann", "", models.ResourceQuery{Kind: "Pod", Limit: 1})
			if err == nil && page.Total != want {
				err = fmt.Errorf("%d", page.Total)
			}
			return err
		})
	}
	for i := range 30 {
		r.api.Set("pods", pod("jobs", name(i), ""))
	}
	r.start()
	total(20)
	for i := range 30 {
		r.api.Delete("pods", "jobs", name(i))
	}
	total(0)
	kubetest.Eventually(t, "a bounded number of records", func(ctx context.Context) error {
		left := 0
		for i := range 30 {
			if _, err := r.records.ByID(ctx, idOf("", "Pod", "jobs", name(i))); err == nil {
				left++
			}
		}
		if left > 5+3 {
			return fmt.Errorf("%d are left", left)
		}
		return nil
	})
	r.api.Set("pods", pod("jobs", "new", ""))
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Pod"}, "new")
}

// Values of Secrets are neither kept nor stored.
func TestSecretsHaveNoValues(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.api.Set("secrets", object{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": object{"password": "aHVudGVyMg=="},
		"metadata": object{
			"name": "login", "namespace": "shop", "uid": "u1",
			"annotations": object{"kubectl.kubernetes.io/last-applied-configuration": `{"stringData":{"password":"hunter2"}}`},
		},
	})
	r.start()
	d := r.eventually(idOf("", "Secret", "shop", "login"), "the Secret", status(models.ResourceRunning))
	text := fmt.Sprintf("%+v", d)
	require.NotContains(t, text, "hunter2")
	require.NotContains(t, text, "aHVudGVyMg")
	require.NotContains(t, text, "last-applied")
}
