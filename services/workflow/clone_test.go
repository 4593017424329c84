package workflow

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// knownClusters are the clusters of Ann, by name.
type knownClusters map[string]models.ClusterGrant

func (k knownClusters) Require(_ context.Context, userID, name string, action models.ClusterAction) (models.ClusterGrant, error) {
	g, ok := k[name]
	switch {
	case !ok || userID != ann:
		return g, &models.Error{Op: "test", Kind: models.NotFound, Msg: "cluster not found"}
	case !g.May(action):
		return g, &models.Error{Op: "test", Kind: models.Forbidden, Msg: "you may not " + action.String()}
	}
	return g, nil
}

func grant(id, role string, namespaces ...string) models.ClusterGrant {
	return models.ClusterGrant{Cluster: models.Cluster{ID: id, Name: id}, UserID: ann, Role: role, Namespaces: namespaces}
}

func (r *rig) withClusters() {
	r.clusters["dev"], r.clusters["dev~c1"] = grant("c1", models.ClusterOwner), grant("c1", models.ClusterOwner)
	r.clusters["prod"], r.clusters["seen"] = grant("c2", models.ClusterOwner), grant("c3", models.ClusterViewer)
	r.clusters["part"] = grant("c4", models.ClusterEditor, "team")
}

// drawn creates a workflow whose nodes are in the given namespaces.
func (r *rig) drawn(t *testing.T, nodes ...models.Node) models.Workflow {
	t.Helper()
	w := r.create(t, ann)
	w, _, err := r.workflows.Update(t.Context(), ann, w.ID, models.WorkflowPatch{Nodes: &nodes, Edges: &[]models.Edge{}})
	require.NoError(t, err)
	return w
}

func box(id, typ, namespace string, pairs ...any) models.Node {
	d := models.Data{"name": id, "namespace": namespace}
	for i := 0; i < len(pairs); i += 2 {
		d[pairs[i].(string)] = pairs[i+1]
	}
	return models.Node{ID: id, Type: typ, Data: d}
}

func TestClone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in      models.WorkflowClone
		kind    models.Kind // of the error; Internal: none
		renamed bool
		at      string // namespace of the first node
		cluster string
	}{
		"beside the original":               {renamed: true, at: "shop", cluster: "dev"},
		"into another namespace":            {in: models.WorkflowClone{Namespace: "test"}, at: "test", cluster: "dev"},
		"into the same namespace":           {in: models.WorkflowClone{Namespace: "shop"}, renamed: true, at: "shop", cluster: "dev"},
		"the same cluster by another name":  {in: models.WorkflowClone{ClusterID: "dev~c1"}, renamed: true, at: "shop", cluster: "dev~c1"},
		"into another cluster":              {in: models.WorkflowClone{ClusterID: " prod "}, at: "shop", cluster: "prod"},
		"into both":                         {in: models.WorkflowClone{ClusterID: "prod", Namespace: "test"}, at: "test", cluster: "prod"},
		"into a cluster of somebody else":   {in: models.WorkflowClone{ClusterID: "bobs"}, kind: models.NotFound},
		"where one may only look":           {in: models.WorkflowClone{ClusterID: "seen"}, kind: models.Forbidden},
		"into a namespace that is not ours": {in: models.WorkflowClone{ClusterID: "part", Namespace: "other"}, kind: models.Forbidden},
		"into a namespace that is shared":   {in: models.WorkflowClone{ClusterID: "part", Namespace: "team"}, at: "team", cluster: "part"},
		"into what cannot be a namespace":   {in: models.WorkflowClone{Namespace: "Not A Name"}, kind: models.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, models.AccountLimits{})
			r.withClusters()
			peer := map[string]any{"namespaceSelector": map[string]any{"kubernetes.io/metadata.name": "shop"}}
			other := map[string]any{"namespaceSelector": map[string]any{"kubernetes.io/metadata.name": "monitoring"}}
			w := r.drawn(t, box("web", "deployment", "shop"), box("db", "statefulset", "data"),
				box("wall", "networkpolicy", "shop", "ingressRules", []any{map[string]any{"from": []any{peer, other}}}))
			require.NoError(t, r.documents.SetNodeStatus(t.Context(), w.ID, "web", map[string]any{"state": "healthy"}, nil))
			tc.in.Name = "copy"
			got, renamed, err := r.workflows.Clone(t.Context(), ann, w.ID, tc.in)
			if tc.kind != models.Internal {
				require.Error(t, err)
				require.Equal(t, tc.kind, models.KindOf(err), "%v", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.renamed, renamed)
			require.Equal(t, tc.cluster, got.ClusterID)
			require.Empty(t, got.ClusterRef)
			require.Equal(t, models.WorkflowDraft, got.Status)
			require.Equal(t, tc.at, got.Nodes[0].Data["namespace"])
			require.Equal(t, !tc.renamed, got.Nodes[0].Data["name"] == "web")
			require.NotContains(t, got.Nodes[0].Data, models.StatusKey)
			from := got.Nodes[2].Data["ingressRules"].([]any)[0].(map[string]any)["from"].([]any)
			selected := func(i int) any {
				return from[i].(map[string]any)["namespaceSelector"].(map[string]any)["kubernetes.io/metadata.name"]
			}
			require.Equal(t, tc.at, selected(0), "what moves along is let in where it is now")
			require.Equal(t, "monitoring", selected(1))
			stored, err := r.workflows.Get(t.Context(), ann, w.ID)
			require.NoError(t, err)
			require.Equal(t, "shop", stored.Nodes[0].Data["namespace"], "the original stays as it is")
		})
	}
}

func TestCloneOfTwoNamespacesIntoOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, models.AccountLimits{})
	w := r.drawn(t, box("web", "deployment", "a"), models.Node{ID: "w2", Type: "deployment", Data: models.Data{"name": "web", "namespace": "b"}})
	_, _, err := r.workflows.Clone(t.Context(), ann, w.ID, models.WorkflowClone{Name: "copy", Namespace: "c"})
	require.Equal(t, models.Invalid, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "two nodes of type deployment with the name web")
	_, _, err = r.workflows.Clone(t.Context(), bob, w.ID, models.WorkflowClone{Name: "copy"})
	require.Equal(t, models.NotFound, models.KindOf(err))
}

func TestMovingToAnotherCluster(t *testing.T) {
	t.Parallel()
	r := newRig(t, models.AccountLimits{})
	r.withClusters()
	ctx := t.Context()
	w := r.drawn(t, box("web", "deployment", "shop"), box("pw", "secret", "shop"))
	start := models.RunStart{RunID: "r1", At: models.Now(), Version: 1, Cluster: "dev", ClusterRef: "c1", Inventory: []models.OwnedObject{
		{Cluster: "dev", ClusterRef: "c1", APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web"},
	}}
	require.NoError(t, r.documents.StartRun(ctx, w.ID, start))
	created := true
	require.NoError(t, r.documents.SetNodeStatus(ctx, w.ID, "pw", map[string]any{"state": "created"}, &created))

	move := func(to string) (models.Workflow, error) {
		got, _, err := r.workflows.Update(ctx, ann, w.ID, models.WorkflowPatch{ClusterID: &to})
		return got, err
	}
	for to, kind := range map[string]models.Kind{"bobs": models.NotFound, "seen": models.Forbidden, " ": models.Invalid} {
		_, err := move(to)
		require.Equal(t, kind, models.KindOf(err), to)
	}
	r.running.running = true
	_, err := move("prod")
	require.Equal(t, models.Conflict, models.KindOf(err))
	same, err := move("dev~c1")
	require.NoError(t, err, "another address of the same cluster")
	require.Contains(t, same.Nodes[1].Data, models.StatusKey)

	r.running.running = false
	got, err := move("prod")
	require.NoError(t, err)
	require.Equal(t, "prod", got.ClusterID)
	require.Equal(t, "c2", got.ClusterRef)
	require.NotContains(t, got.Nodes[1].Data, models.StatusKey, "what was seen in the former cluster says nothing of this one")
	require.NotContains(t, got.Nodes[1].Data, models.SecretCreatedKey)
	b, err := r.documents.Belongings(ctx, ann, w.ID)
	require.NoError(t, err)
	require.Len(t, b.Leftovers(), 1)

	start.RunID = "r2" // was about to begin in the former cluster
	require.Equal(t, models.Conflict, models.KindOf(r.documents.StartRun(ctx, w.ID, start)))
	_, err = move("prod")
	require.NoError(t, err)
}

func TestDeletionSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t, models.AccountLimits{})
	ctx := t.Context()
	object := models.OwnedObject{Cluster: "dev", ClusterRef: "c1", APIVersion: "v1", Kind: "Service", Namespace: "shop", Name: "web"}
	w := r.create(t, ann)
	require.NoError(t, r.documents.SetInventory(ctx, w.ID, []models.OwnedObject{object}))
	r.running.running = true
	_, _, err := r.workflows.Retire(ctx, ann, w.ID, models.WorkflowDeletion{})
	require.Equal(t, models.Conflict, models.KindOf(err))
	_, _, err = r.workflows.Retire(ctx, bob, w.ID, models.WorkflowDeletion{TearDown: true})
	require.Equal(t, models.NotFound, models.KindOf(err))

	// Tearing down ends the run, and may go on when the workflow is deleted.
	r.running.warning = "the objects in the cluster are still being removed"
	left, warning, err := r.workflows.Retire(ctx, ann, w.ID, models.WorkflowDeletion{TearDown: true, Permanent: true})
	require.NoError(t, err)
	require.Equal(t, "1 object in cluster dev", left)
	require.Contains(t, warning, "still being removed; the workflow is erased later")
	_, err = r.workflows.Get(ctx, ann, w.ID)
	require.Equal(t, models.NotFound, models.KindOf(err))
	b, err := r.documents.Belongings(ctx, ann, w.ID)
	require.NoError(t, err)
	require.Len(t, b.Leftovers(), 1)
	_, err = r.documents.Belongings(ctx, bob, w.ID)
	require.Equal(t, models.NotFound, models.KindOf(err))

	r.running.running = false
	_, _, err = r.workflows.Retire(ctx, ann, w.ID, models.WorkflowDeletion{Permanent: true})
	require.NoError(t, err, "also when it is deleted already")
	_, err = r.documents.Belongings(ctx, ann, w.ID)
	require.Equal(t, models.NotFound, models.KindOf(err))
}
