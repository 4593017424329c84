package run

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/kubeorch/core/models"
)

func (r *rig) mustPlan(id string, typed models.TriggerData) models.RunPlan {
	r.t.Helper()
	p, err := r.exec.Plan(r.t.Context(), ann, id, typed, models.RunOptions{})
	require.NoError(r.t, err)
	return p
}

// said returns what a plan says of each object, as "Kind name" to the action.
func said(p models.RunPlan) map[string]string {
	all := map[string]string{}
	for _, n := range p.Nodes {
		for _, d := range n.Objects {
			all[d.Kind+" "+d.Name] = d.Action
		}
	}
	for _, d := range p.Left {
		all[d.Kind+" "+d.Name] = d.Action
	}
	return all
}

// done returns what a run did to each object of a node.
func done(run models.Run) map[string]string {
	all := map[string]string{}
	for _, s := range run.NodeStates {
		for _, c := range s.Result {
			all[c.Kind+" "+c.Name] = c.Action
		}
	}
	return all
}

func shopValues() models.TriggerData {
	typed := typedSecret("pw", "password", "first-value")
	typed.EnvVars = map[string]map[string]models.Secret{"web": {"TOKEN": models.NewSecret("token-value")}}
	return typed
}

func TestPlanSaysWhatARunDoes(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	w := r.drawIn(namespace, shop)
	first := r.mustPlan(w.ID, shopValues())
	require.False(t, first.Blocked)
	require.Empty(t, r.written(w), "a plan writes nothing")
	run := r.mustRun(w.ID, shopValues())
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Equal(t, done(run), said(first))

	again := r.mustPlan(w.ID, models.TriggerData{})
	require.Equal(t, models.PlanSummary{Unchanged: 13, Warnings: again.Summary.Warnings}, again.Summary, "%v", said(again))
	for _, n := range again.Nodes {
		for _, d := range n.Objects {
			require.Empty(t, d.Changes, "%s %s", d.Kind, d.Name)
			require.Empty(t, d.Additions, "%s %s", d.Kind, d.Name)
		}
	}

	patch := func(kind, name, body string) {
		require.NoError(t, cluster.Client().AppsV1().RESTClient().Patch(types.StrategicMergePatchType).Namespace(namespace).
			Resource(kind).Name(name).Param("fieldManager", "somebody").Body([]byte(body)).Do(t.Context()).Error())
	}
	patch("deployments", "web", `{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"nginx:edited","env":[{"name":"X","value":"y"}]}]}}}}`)
	r.saveIn(namespace, w.ID, strings.ReplaceAll(shop, "svc:service", "svc=front:service"))
	changed := r.mustPlan(w.ID, typedSecret("pw", "password", "second-value"))
	text, err := json.Marshal(changed)
	require.NoError(t, err)
	require.NotContains(t, string(text), "second-value")
	web := changed.Nodes[indexOfNode(t, changed, "web")].Objects
	deployment := web[len(web)-1]
	require.Equal(t, models.PlanConfigured, deployment.Action)
	var paths []string
	for _, c := range deployment.Changes {
		paths = append(paths, c.Path)
		if strings.HasSuffix(c.Path, ".image") {
			require.Equal(t, []any{"nginx:edited", "nginx", "somebody"}, []any{c.From, c.To, c.Manager})
			require.NotNil(t, c.At)
		}
	}
	require.Equal(t, []string{
		`spec.template.metadata.annotations["kubeorch.io/values-revision"]`, "spec.template.spec.containers[name=web].image",
	}, paths)
	require.Len(t, deployment.Additions, 1)
	require.Equal(t, "spec.template.spec.containers[name=web].env[name=X]", deployment.Additions[0].Path)

	run = r.mustRun(w.ID, typedSecret("pw", "password", "second-value"))
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	want := done(run)
	want["Service svc"] = models.PlanDeleted
	require.Equal(t, want, said(changed))
	require.NotContains(t, r.written(w), "Service svc")
}

func indexOfNode(t *testing.T, p models.RunPlan, id string) int {
	t.Helper()
	for i, n := range p.Nodes {
		if n.NodeID == id {
			return i
		}
	}
	t.Fatalf("no node %q", id)
	return 0
}

func TestPlanNamesValuesAndShowsNone(t *testing.T) {
	t.Parallel()
	r, _, namespace := onDevCluster(t)
	w := r.drawIn(namespace, "pw:secret web:deployment")
	p := r.mustPlan(w.ID, models.TriggerData{})
	require.Equal(t, models.PlanSkipped, said(p)["Secret pw"])
	values := func(p models.RunPlan, node string) models.ValuesPlan { return *p.Nodes[indexOfNode(t, p, node)].Values }
	require.Equal(t, []string{"password"}, values(p, "pw").Missing)
	typed := shopValues()
	typed.Secrets["pw"]["other"] = models.NewSecret("unlisted-value")
	p = r.mustPlan(w.ID, typed)
	require.Equal(t, models.ValuesPlan{
		Secret: "pw", Typed: []string{"password"}, Present: []string{}, Missing: []string{}, Removed: []string{}, Unlisted: []string{"other"},
	}, values(p, "pw"))
	require.Equal(t, []string{"TOKEN"}, values(p, "web").Typed)
	r.mustRun(w.ID, typed)
	p = r.mustPlan(w.ID, models.TriggerData{})
	require.Equal(t, []string{"password"}, values(p, "pw").Present)

	g := drawing("pw:secret web:deployment")
	for _, n := range g.Nodes {
		n.Data["namespace"] = namespace
	}
	g.Nodes[0].Data["keys"] = []any{map[string]any{"id": "1", "name": "token"}}
	_, err := r.workflows.Update(t.Context(), ann, w.ID, models.WorkflowPatch{Nodes: &g.Nodes}, models.Now())
	require.NoError(t, err)
	p = r.mustPlan(w.ID, typedSecret("pw", "token", "third-value"))
	require.Equal(t, []string{"password"}, values(p, "pw").Removed)
	text, err := json.Marshal(p)
	require.NoError(t, err)
	for _, secret := range []string{"first-value", "third-value", "token-value", "Zmlyc3QtdmFsdWU", "dGhpcmQtdmFsdWU"} {
		require.NotContains(t, string(text), secret)
	}
	require.Contains(t, string(text), models.MaskedValue)
}

func TestPlanRefusesForeignObjectsAndSoDoesTheRun(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	other := r.drawIn(namespace, "conf:configmap")
	r.mustRun(other.ID, models.TriggerData{})
	w := r.drawIn(namespace, "a:configmap conf:configmap z:configmap")
	p := r.mustPlan(w.ID, models.TriggerData{})
	require.True(t, p.Blocked)
	require.Equal(t, map[string]string{"ConfigMap a": "created", "ConfigMap conf": "refused", "ConfigMap z": "created"}, said(p))
	require.Contains(t, p.Nodes[1].Objects[0].Message, "another workflow")
	require.Equal(t, models.PlanRefused, p.Nodes[1].Action)
	carried, err := r.exec.Plan(t.Context(), ann, w.ID, models.TriggerData{}, models.RunOptions{FailurePolicy: models.PolicyContinue})
	require.NoError(t, err)
	require.False(t, carried.Blocked)
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunFailed, run.Status)
	list, err := cluster.Client().CoreV1().ConfigMaps(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "managed-by=kubeorch"})
	require.NoError(t, err)
	require.Len(t, list.Items, 1, "nothing was written")
}

func TestPlanWarns(t *testing.T) {
	t.Parallel()
	r, _, namespace := onDevCluster(t)
	w := r.drawIn(namespace, "data:persistentvolumeclaim in:ingress svc:service web:deployment pw:secret in>svc svc>web pw>web")
	var codes []string
	for _, n := range r.mustPlan(w.ID, models.TriggerData{}).Nodes {
		for _, found := range n.Warnings {
			require.Equal(t, n.NodeID, found.Node)
			codes = append(codes, n.NodeID+" "+found.Code)
		}
	}
	require.Subset(t, codes, []string{"web image_latest", "web no_limits", "web values_missing", "pw values_missing", "in ingress_class_missing"})
	require.NotContains(t, codes, "data storage_class_missing", "the cluster has a default class")
}

func TestManifestsAreWhatARunApplies(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	w := r.drawIn(namespace, shop+" hi:plugin")
	text, err := r.exec.Manifests(t.Context(), ann, w.ID, "")
	require.NoError(t, err)
	var kindsInOrder []string
	for doc := range strings.SplitSeq(string(text), "---\n") {
		var o unstructured.Unstructured
		require.NoError(t, yaml.Unmarshal([]byte(doc), &o.Object))
		kindsInOrder = append(kindsInOrder, o.GetKind())
		require.NotEmpty(t, o.GetLabels()["kubeorch.io/workflow"], doc)
		if o.GetKind() == "Secret" {
			require.NotContains(t, o.Object, "data")
		}
		if o.GetKind() == "Greeting" {
			require.Equal(t, "example.kubeorch.io/v1", o.GetAPIVersion(), "the version that the cluster prefers")
		}
	}
	require.Less(t, slices.Index(kindsInOrder, "ConfigMap"), slices.Index(kindsInOrder, "Deployment"))
	require.Less(t, slices.Index(kindsInOrder, "Deployment"), slices.Index(kindsInOrder, "HorizontalPodAutoscaler"))
	_, err = cluster.Client().CoreV1().ConfigMaps(namespace).Get(t.Context(), "conf", metav1.GetOptions{})
	require.Error(t, err, "nothing is applied")
	one, err := r.exec.Manifests(t.Context(), ann, w.ID, "conf")
	require.NoError(t, err)
	require.Contains(t, string(one), "kind: ConfigMap")
	require.NotContains(t, string(one), "---")
	for _, tc := range [][3]string{{bob, w.ID, ""}, {ann, w.ID, "nowhere"}} {
		_, err = r.exec.Manifests(t.Context(), tc[0], tc[1], tc[2])
		require.Equal(t, models.NotFound, models.KindOf(err))
	}
}

func TestPlanBeforeTheNamespaceExists(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	w := r.drawIn(namespace+"-later", shop)
	p := r.mustPlan(w.ID, shopValues())
	require.Equal(t, []models.PlanNamespace{{Name: namespace + "-later", Action: models.PlanCreated}}, p.Namespaces)
	require.Equal(t, 13, p.Summary.Created, "%v", said(p))
	_, err := cluster.Client().CoreV1().Namespaces().Get(t.Context(), namespace+"-later", metav1.GetOptions{})
	require.Error(t, err)
}

func TestWhoMayPlanWhat(t *testing.T) {
	t.Parallel()
	r, _, namespace := onDevCluster(t)
	w := r.drawIn(namespace, "a:configmap")
	_, err := r.exec.Plan(t.Context(), bob, w.ID, models.TriggerData{}, models.RunOptions{})
	require.Equal(t, models.NotFound, models.KindOf(err))
	for status, kind := range map[string]models.Kind{models.WorkflowDraft: 0, models.WorkflowArchived: models.Invalid} {
		_, err := r.workflows.Update(t.Context(), ann, w.ID, models.WorkflowPatch{Status: &status}, models.Now())
		require.NoError(t, err)
		_, err = r.exec.Plan(t.Context(), ann, w.ID, models.TriggerData{}, models.RunOptions{})
		require.Equal(t, kind, models.KindOf(err), "%s: %v", status, err)
	}
}
