package repositories_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

const owner = "aaaaaaaaaaaaaaaaaaaaaaaa"

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func workflow(nodes ...models.Node) models.Workflow {
	return models.Workflow{
		ID: models.NewID(), OwnerID: owner, Name: "shop", ClusterID: "dev", Status: models.WorkflowDraft,
		Tags: []string{}, Nodes: nodes, Edges: []models.Edge{}, CurrentVersion: 1, Revision: 1, Seq: 1,
		CreatedAt: now(), UpdatedAt: now(),
	}
}

func node(id string, data models.Data) models.Node {
	return models.Node{ID: id, Type: "deployment", Position: models.Position{X: 1.5, Y: -2}, Data: data}
}

func openWorkflows(t *testing.T, list ...models.Workflow) *repositories.Workflows {
	t.Helper()
	store := repositories.NewWorkflows(dbtest.Open(t).Database())
	for _, w := range list {
		require.NoError(t, store.Insert(t.Context(), w))
	}
	return store
}

func kindOf(t *testing.T, err error) models.Kind {
	t.Helper()
	require.Error(t, err)
	return models.KindOf(err)
}

func TestNodeDataComesBackAsItWasSent(t *testing.T) {
	t.Parallel()
	var data models.Data
	require.NoError(t, json.Unmarshal([]byte(`{
		"app.properties": "a=b\nc", "$set": {"$inc": 1}, "": "empty key", "nodes.$[n]": [1, 2.5, null, true, {"a.b": []}],
		"big": 9007199254740993, "neg": -1, "float": 1e300, "one": 1.0, "null": null, "no": false,
		"digits": [18446744073709551616, 1.10, -0.0, 3.14159265358979323846, 0.000000010, 100.00, -12345678901234567890.5, 1.234567890123456789E+30],
		"text": "\u0000\u2028 ---\n{{ . }} é", "deep": {"a": {"b": {"c": [[[]]]}}}
	}`), &data))
	w := workflow(node("n.1$", data), node("n2", nil))
	w.Edges = []models.Edge{{ID: "e", Source: "n.1$", Target: "n2", SourceHandle: "output"}}
	store := openWorkflows(t, w)

	got, err := store.Get(t.Context(), owner, w.ID)
	require.NoError(t, err)
	w.Nodes[1].Data = models.Data{}
	require.Equal(t, w, got)
	require.IsType(t, map[string]any{}, got.Nodes[0].Data["$set"])
	require.IsType(t, int64(0), got.Nodes[0].Data["big"])

	nodes := got.Nodes
	got, err = store.Update(t.Context(), owner, w.ID, models.WorkflowPatch{Nodes: &nodes}, now())
	require.NoError(t, err)
	require.Equal(t, w.Nodes, got.Nodes)
}

func TestNumberBeyondAllTypesKeepsItsDigits(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"1234567890123456789012345678901234567890", "1.23456789012345678901e30", "1e999999999"} {
		var data models.Data
		require.NoError(t, json.Unmarshal([]byte(`{"a": [`+number+`]}`), &data))
		w := workflow(node("n", data))
		got, err := openWorkflows(t, w).Get(t.Context(), owner, w.ID)
		require.NoError(t, err)
		require.Equal(t, []any{json.Number(number)}, got.Nodes[0].Data["a"])
	}
}

func TestSomebodyElsesWorkflowIsNotFound(t *testing.T) {
	t.Parallel()
	w := workflow()
	store := openWorkflows(t, w)
	const other = "bbbbbbbbbbbbbbbbbbbbbbbb"
	name := "x"
	_, get := store.Get(t.Context(), other, w.ID)
	_, head := store.Head(t.Context(), other, w.ID)
	_, update := store.Update(t.Context(), other, w.ID, models.WorkflowPatch{Name: &name}, now())
	_, save := store.Update(t.Context(), other, w.ID, models.WorkflowPatch{Nodes: &[]models.Node{}}, now())
	for what, err := range map[string]error{
		"get": get, "head": head, "update": update, "save": save, "delete": store.Delete(t.Context(), other, w.ID, now()),
	} {
		require.Equal(t, models.NotFound, kindOf(t, err), what)
	}
	list, err := store.List(t.Context(), other)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestDeletedWorkflowIsInvisible(t *testing.T) {
	t.Parallel()
	w := workflow(node("n1", nil))
	store := openWorkflows(t, w)
	require.NoError(t, store.Delete(t.Context(), owner, w.ID, now()))
	_, err := store.Get(t.Context(), owner, w.ID)
	require.Equal(t, models.NotFound, kindOf(t, err))
	require.Equal(t, models.NotFound, kindOf(t, store.Delete(t.Context(), owner, w.ID, now())))
	list, err := store.List(t.Context(), owner)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestSaveKeepsWhatTheServerOwns(t *testing.T) {
	t.Parallel()
	w := workflow(node("n1", models.Data{"name": "a"}), node("n2", models.Data{}))
	store := openWorkflows(t, w)
	created := true
	status := map[string]any{"state": "healthy", "replicas": int64(3)}
	require.NoError(t, store.SetNodeStatus(t.Context(), w.ID, "n1", status, &created))
	require.NoError(t, store.SetNodeStatus(t.Context(), w.ID, "gone", status, nil))
	require.NoError(t, store.SetNodeStatus(t.Context(), models.NewID(), "n1", status, nil))

	nodes := []models.Node{
		node("n1", models.Data{"name": "b", models.StatusKey: "forged", models.SecretCreatedKey: false}),
		node("n3", models.Data{models.StatusKey: "forged"}),
	}
	got, err := store.Update(t.Context(), owner, w.ID, models.WorkflowPatch{Nodes: &nodes}, now())
	require.NoError(t, err)
	require.Equal(t, models.Data{"name": "b", models.StatusKey: status, models.SecretCreatedKey: true}, got.Nodes[0].Data)
	require.Equal(t, models.Data{}, got.Nodes[1].Data)
	require.Greater(t, got.Seq, w.Seq)
}

func TestStatusesAreCleared(t *testing.T) {
	t.Parallel()
	claim := node("n2", nil)
	claim.Type = "persistentvolumeclaim"
	w := workflow(node("n1", nil), claim)
	store := openWorkflows(t, w)
	status := map[string]any{"state": "x"}
	for _, id := range []string{"n1", "n2"} {
		require.NoError(t, store.SetNodeStatus(t.Context(), w.ID, id, status, nil))
	}
	require.NoError(t, store.ClearStatuses(t.Context(), w.ID, claim.Type))
	got, err := store.Get(t.Context(), owner, w.ID)
	require.NoError(t, err)
	require.Equal(t, models.Data{}, got.Nodes[0].Data)
	require.Equal(t, models.Data{models.StatusKey: status}, got.Nodes[1].Data)
}

// Every acknowledged status is stored at the end, although saves replace the nodes
// all the time.
func TestNoStatusIsLostToASave(t *testing.T) {
	t.Parallel()
	w := workflow(node("n1", nil), node("n2", nil))
	store := openWorkflows(t, w)
	const rounds = 40
	var all sync.WaitGroup
	for i := range rounds {
		all.Go(func() {
			nodes := []models.Node{node("n1", models.Data{"round": int64(i)}), node("n2", nil)}
			_, err := store.Update(t.Context(), owner, w.ID, models.WorkflowPatch{Nodes: &nodes}, now())
			if err != nil {
				t.Errorf("save: %v", err)
			}
		})
	}
	for i := range rounds {
		for _, id := range []string{"n1", "n2"} {
			require.NoError(t, store.SetNodeStatus(t.Context(), w.ID, id, map[string]any{"n": int64(i)}, nil))
		}
	}
	all.Wait()
	got, err := store.Get(t.Context(), owner, w.ID)
	require.NoError(t, err)
	for _, n := range got.Nodes {
		require.Equal(t, map[string]any{"n": int64(rounds - 1)}, n.Data[models.StatusKey], n.ID)
	}
	require.Equal(t, w.Revision+rounds, got.Revision)
}

func TestStaleRevisionIsAConflict(t *testing.T) {
	t.Parallel()
	w := workflow()
	store := openWorkflows(t, w)
	first, second, stale := "first", "second", w.Revision
	_, err := store.Update(t.Context(), owner, w.ID, models.WorkflowPatch{Name: &first, IfRevision: &stale}, now())
	require.NoError(t, err)
	_, err = store.Update(t.Context(), owner, w.ID, models.WorkflowPatch{Name: &second, IfRevision: &stale}, now())
	require.Equal(t, models.Conflict, kindOf(t, err))
	got, err := store.Get(t.Context(), owner, w.ID)
	require.NoError(t, err)
	require.Equal(t, first, got.Name)
}

func TestGraphTooLargeToStoreIsRefused(t *testing.T) {
	t.Parallel()
	w := workflow()
	store := openWorkflows(t, w)
	nodes := []models.Node{node("n1", models.Data{"text": strings.Repeat("x", 15<<20)})}
	_, err := store.Update(t.Context(), owner, w.ID, models.WorkflowPatch{Nodes: &nodes}, now())
	require.Equal(t, models.TooLarge, kindOf(t, err))
}

func TestListCountsNodesNewestFirst(t *testing.T) {
	t.Parallel()
	var list []models.Workflow
	for i := range 3 {
		w := workflow(node("n1", models.Data{"x": "y"}), node("n2", nil))
		w.Name, w.UpdatedAt = fmt.Sprint(i), now().Add(time.Duration(i)*time.Second)
		list = append(list, w)
	}
	store := openWorkflows(t, list...)
	require.NoError(t, store.RaiseVersion(t.Context(), list[0].ID, 4))
	got, err := store.List(t.Context(), owner)
	require.NoError(t, err)
	require.Len(t, got, 3)
	require.Equal(t, "2", got[0].Name)
	require.Equal(t, "0", got[2].Name)
	require.Equal(t, 4, got[2].CurrentVersion)
	require.Len(t, got[0].Nodes, 2)
}

func TestRunsAreCounted(t *testing.T) {
	t.Parallel()
	w := workflow()
	store := openWorkflows(t, w)
	at := now()
	object := models.OwnedObject{Cluster: "dev", APIVersion: "v1", Kind: "Service", Namespace: "a", Name: "b"}
	start := models.RunStart{At: at, Version: 1, Cluster: w.ClusterID, Inventory: []models.OwnedObject{object}}
	for _, again := range []bool{false, true} { // as after a call of which nobody knows whether it was done
		for _, id := range []string{"r1", "r2"} {
			start.RunID = id
			if !again || id == "r2" { // runs begin one after the other
				require.NoError(t, store.StartRun(t.Context(), w.ID, start))
			}
			require.NoError(t, store.CountResult(t.Context(), w.ID, id, id == "r1"))
		}
	}
	got, err := store.Get(t.Context(), owner, w.ID)
	require.NoError(t, err)
	require.Equal(t, []int{2, 1, 1, 1}, []int{got.RunCount, got.SuccessCount, got.FailureCount, got.CurrentVersion})
	require.Equal(t, at, *got.LastRunAt)
	inventory, err := store.Inventory(t.Context(), w.ID)
	require.NoError(t, err)
	require.Equal(t, []models.OwnedObject{object}, inventory)

	other := object
	other.Kind += "Other"
	require.NoError(t, store.SetInventory(t.Context(), w.ID, []models.OwnedObject{other, object}))
	object.Applied = models.Applied{NodeID: "n1", Version: 7, UID: "u", Fields: "f"}
	require.NoError(t, store.SetApplied(t.Context(), w.ID, object))
	unknown := object
	unknown.Namespace = "elsewhere"
	require.NoError(t, store.SetApplied(t.Context(), w.ID, unknown))
	inventory, err = store.Inventory(t.Context(), w.ID)
	require.NoError(t, err)
	require.Equal(t, []models.OwnedObject{other, object}, inventory, "one object was noted, and the others are as they were")

	require.NoError(t, store.SetInventory(t.Context(), w.ID, nil))
	inventory, err = store.Inventory(t.Context(), w.ID)
	require.NoError(t, err)
	require.Empty(t, inventory)
}
