package watcher

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
)

// toldDrifts keeps what a watcher tells of drift.
type toldDrifts struct {
	mu   sync.Mutex
	seen map[string]models.DriftSighting
	gone []string // "unwatched w1", "retired w1"
}

func (d *toldDrifts) Seen(s models.DriftSighting) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[s.WorkflowID] = s
}

func (d *toldDrifts) Unwatched(id string) { d.note("unwatched " + id) }
func (d *toldDrifts) Retired(id string)   { d.note("retired " + id) }

func (d *toldDrifts) note(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = append(d.gone, text)
}

// suspects waits until exactly these objects are told of, written "Kind name".
func (d *toldDrifts) suspects(t *testing.T, id string, want ...string) []models.DriftSuspect {
	t.Helper()
	var found []models.DriftSuspect
	require.Eventually(t, func() bool {
		d.mu.Lock()
		s, told := d.seen[id]
		d.mu.Unlock()
		var names []string
		for _, one := range s.Suspects {
			names = append(names, one.Object.Kind+" "+one.Object.Name)
		}
		slices.Sort(names)
		found = s.Suspects
		return told && slices.Equal(names, want)
	}, watcherPatience, time.Millisecond, "want %v", want)
	return found
}

// applied gives an object the managed fields of a run, and of others.
func applied(o map[string]any, uid string, managers ...string) map[string]any {
	var managed []any
	for _, m := range append([]string{"kubeorch-1"}, managers...) {
		managed = append(managed, map[string]any{
			"manager": m, "operation": "Apply", "fieldsType": "FieldsV1", "time": "2026-01-01T00:00:00Z",
			"fieldsV1": map[string]any{"f:spec": map[string]any{"f:" + m: map[string]any{}}},
		})
	}
	o["metadata"].(map[string]any)["managedFields"], o["metadata"].(map[string]any)["uid"] = managed, uid
	return o
}

// owned is the object in the inventory of a workflow after a run.
func owned(apiVersion, kind string, o map[string]any) models.OwnedObject {
	u := &unstructured.Unstructured{Object: o}
	return models.OwnedObject{
		Cluster: "c1", APIVersion: apiVersion, Kind: kind, Namespace: u.GetNamespace(), Name: u.GetName(),
		Applied: models.Applied{NodeID: u.GetName(), Version: 1, UID: string(u.GetUID()), Fields: applier.MarksOf("kubeorch", u).Fields},
	}
}

func TestWatcherTellsWhatIsNotAsItWasApplied(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"web", "deployment", ""})
	d := &toldDrifts{seen: map[string]models.DriftSighting{}}
	w.deps.Drifts = d
	web, headless := applied(w.deployment("web", 2), "1"), applied(w.object("web-headless", nil), "2")
	env, moved := w.object("web-env", nil), w.object("moved", nil)
	w.inventory = []models.OwnedObject{
		owned("apps/v1", "Deployment", web), owned("v1", "Service", headless), owned("v1", "Secret", applied(env, "3")),
		owned("v1", "ConfigMap", applied(moved, "4")),
		{Cluster: "c1", APIVersion: "batch/v1", Kind: "Job", Namespace: "shop", Name: "never applied"},
	}
	w.inventory[3].Cluster = "c2"
	w.api.Set("deployments", web)
	w.api.Set("services", headless)
	w.api.Set("secrets", env)
	release := w.Hold(w.wf.ID)
	d.suspects(t, w.wf.ID)
	w.watches("deployments", "services", "secrets", "pods", "events")

	w.api.Set("deployments", applied(w.deployment("web", 2), "1", "kube-controller-manager"))
	w.api.Set("services", applied(w.object("web-headless", nil), "2", "kubectl"))
	added := d.suspects(t, w.wf.ID, "Service web-headless")
	require.Equal(t, "2", added[0].UID)
	require.NotEmpty(t, added[0].Others, "somebody added a field")

	w.api.Set("services", headless)
	changed := applied(w.deployment("web", 2), "1")
	changed["metadata"].(map[string]any)["managedFields"].([]any)[0].(map[string]any)["fieldsV1"] = map[string]any{}
	w.api.Set("deployments", changed)
	w.api.Delete("secrets", "shop", "web-env")
	found := d.suspects(t, w.wf.ID, "Deployment web", "Secret web-env")
	require.NotEqual(t, found[0].Object.Applied.Fields, found[0].Fields)
	require.Empty(t, found[1].UID, "it is gone")

	w.api.Set("deployments", web)
	w.api.Set("secrets", applied(env, "5"))
	d.suspects(t, w.wf.ID, "Secret web-env") // another one of the same name

	before := d.seen[w.wf.ID].ReadAt
	w.edit(func(*models.Workflow) { w.inventory = w.inventory[:1] })
	w.Watch(w.wf.ID)
	require.Eventually(t, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.seen[w.wf.ID].ReadAt.After(before)
	}, watcherPatience, time.Millisecond)
	d.suspects(t, w.wf.ID)
	w.watches("deployments", "pods", "events")

	w.edit(func(wf *models.Workflow) { wf.Status = models.WorkflowArchived })
	w.Watch(w.wf.ID)
	require.Eventually(t, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return slices.Contains(d.gone, "retired "+w.wf.ID) && slices.Contains(d.gone, "unwatched "+w.wf.ID)
	}, watcherPatience, time.Millisecond)
	release()
}

// Nothing is said of what cannot be read.
func TestWatcherDoesNotTellOfKindsThatItMayNotRead(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"web", "deployment", ""})
	d := &toldDrifts{seen: map[string]models.DriftSighting{}}
	w.deps.Drifts = d
	w.inventory = []models.OwnedObject{
		owned("apps/v1", "Deployment", applied(w.deployment("web", 2), "1")), owned("v1", "Secret", applied(w.object("env", nil), "2")),
	}
	w.api.Refuse("secrets", http.StatusForbidden)
	defer w.Hold(w.wf.ID)()
	found := d.suspects(t, w.wf.ID, "Deployment web", "Secret env")
	require.Equal(t, []bool{false, true}, []bool{found[0].Unknown, found[1].Unknown})
	w.api.Refuse("secrets", 0)
	w.api.Set("secrets", applied(w.object("env", nil), "2"))
	d.suspects(t, w.wf.ID, "Deployment web")
}
