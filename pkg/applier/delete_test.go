package applier

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/kubernetes"
)

func TestListAndDeleteWhatIsOurs(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	owner := b.ns // of this test alone, since lists span the cluster
	b.apply(owner, configMap, deployment)
	b.apply("w2", secret)
	gvks := []schema.GroupVersionKind{
		{Group: "apps", Version: "v1", Kind: "Deployment"},
		{Version: "v1", Kind: "ConfigMap"},
		{Version: "v1", Kind: "Secret"},
		{Group: "nowhere.example", Version: "v1", Kind: "Nothing"},
	}
	list, err := b.by(owner).ListOwned(t.Context(), gvks, ListOptions{})
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, "Deployment", list[0].Kind)
	require.Equal(t, "ConfigMap", list[1].Kind)

	refs := []Ref{
		{GroupVersionKind: gvks[0], Namespace: b.ns, Name: "web"},
		{GroupVersionKind: gvks[1], Namespace: b.ns, Name: "absent"},
		{GroupVersionKind: gvks[2], Namespace: b.ns, Name: "sec"},
		{GroupVersionKind: gvks[3], Namespace: b.ns, Name: "x"},
	}
	changes := b.by(owner).Delete(t.Context(), refs, DeleteOptions{Propagation: metav1.DeletePropagationForeground, Wait: true})
	var actions []Action
	for _, c := range changes {
		actions = append(actions, c.Action)
	}
	require.Equal(t, []Action{Deleted, Unchanged, Skipped, Unchanged}, actions)
	require.Contains(t, changes[2].Message, "belongs to another workflow")

	list, err = b.by(owner).ListOwned(t.Context(), gvks, ListOptions{Selector: "kubeorch.io/workflow"})
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestObjectBeingDeletedIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	first := b.one(Created, configMap)
	ta, err := b.by("w1").locate(t.Context(), first.Ref)
	require.NoError(t, err)
	hold := func(finalizers string) {
		_, err := ta.client.Patch(t.Context(), "cm", types.MergePatchType, []byte(`{"metadata":{"finalizers":`+finalizers+`}}`), metav1.PatchOptions{FieldManager: "test"})
		require.NoError(t, err)
	}
	hold(`["example.com/hold"]`)
	require.NoError(t, ta.client.Delete(t.Context(), "cm", metav1.DeleteOptions{}))

	impatient := b.by("w1")
	impatient.opts.Timeout = 300_000_000 // 0.3 s
	c := impatient.Apply(t.Context(), []Request{{Object: b.object(configMap)}}, nil)[0]
	require.Equal(t, Failed, c.Action)
	require.Contains(t, c.Message, "held back by the finalizer example.com/hold")

	waited := make(chan Change, 1)
	go func() { waited <- b.apply("w1", configMap)[0] }()
	hold(`null`)
	again := <-waited
	require.Equal(t, Created, again.Action, again.Message)
	require.NotEqual(t, first.UID, again.UID)
}

func TestNamespaces(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	a := b.by("w1")
	extra := b.ns + "-x"
	labels := map[string]string{"managed-by": "kubeorch"}
	changes := a.EnsureNamespaces(t.Context(), []string{extra, b.ns, extra}, labels)
	require.Len(t, changes, 2)
	require.Equal(t, Unchanged, changes[0].Action, changes[0].Message)
	require.Equal(t, Created, changes[1].Action, changes[1].Message)
	ns, err := b.conn.Typed().CoreV1().Namespaces().Get(t.Context(), extra, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "kubeorch", ns.Labels["managed-by"])

	changes = a.EnsureNamespaces(t.Context(), []string{"Not_A_Name"}, labels)
	require.Equal(t, Failed, changes[0].Action)
	require.NoError(t, b.conn.Typed().CoreV1().Namespaces().Delete(t.Context(), extra, metav1.DeleteOptions{}))
}

func TestUnknownKind(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	c := b.one(Failed, `{apiVersion: "nowhere.example/*", kind: Nothing, metadata: {name: a}}`)
	require.Equal(t, kubernetes.UnknownKind, kubernetes.ReasonOf(c.Err))
	require.Contains(t, c.Message, "the cluster has no Nothing (nowhere.example); is the operator")
}

func TestVersionAndScopeComeFromTheCluster(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	c := b.one(Created, `{apiVersion: "autoscaling/*", kind: HorizontalPodAutoscaler, metadata: {name: hpa}, spec: {maxReplicas: 2, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}`)
	require.Equal(t, "v2", c.Version)

	o := b.object(`{apiVersion: "scheduling.k8s.io/*", kind: PriorityClass, metadata: {name: NAME}, value: 1}`)
	o.SetName(b.ns)
	c = b.by("w1").Apply(t.Context(), []Request{{Object: o}}, nil)[0]
	require.Equal(t, Created, c.Action, c.Message)
	require.Empty(t, c.Namespace)
	del := b.by("w1").Delete(t.Context(), []Ref{c.Ref}, DeleteOptions{})
	require.Equal(t, Deleted, del[0].Action, del[0].Message)
}
