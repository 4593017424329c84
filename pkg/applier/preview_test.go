package applier

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// preview previews the manifests and returns the answers in their order.
func (b *fixture) preview(owner string, reqs ...Request) []Preview {
	b.t.Helper()
	all := make([]Preview, len(reqs))
	b.by(owner).Preview(b.t.Context(), reqs, func(i int, p Preview) { all[i] = p })
	return all
}

func (b *fixture) previewOne(manifest string) Preview {
	b.t.Helper()
	return b.preview("w1", Request{Object: b.object(manifest)})[0]
}

func field(t *testing.T, o *unstructured.Unstructured, path ...string) any {
	t.Helper()
	v, _, err := unstructured.NestedFieldNoCopy(o.Object, path...)
	require.NoError(t, err)
	return v
}

func TestPreviewChangesNothingAndApplyDoesIt(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	for _, m := range everyKind {
		p := b.previewOne(m)
		require.Equal(t, Created, p.Action, p.Message)
		require.Nil(t, p.Live)
		require.NotNil(t, p.Would)
	}
	for _, c := range b.apply("w1", everyKind...) {
		require.Equal(t, Created, c.Action, "a preview made it: %s", c.Message)
	}
	for _, m := range everyKind {
		p := b.previewOne(m)
		require.Equal(t, Unchanged, p.Action, "%s %s", p.Ref, p.Message)
		require.NotNil(t, p.Live)
	}
	changed := strings.Replace(deployment, "image: nginx", "image: nginx:2", 1)
	p := b.previewOne(changed)
	require.Equal(t, Configured, p.Action, p.Message)
	require.Equal(t, "nginx:2", images(p.Would))
	require.Equal(t, "nginx", images(p.Live))
	require.Equal(t, "RollingUpdate", field(t, p.Would, "spec", "strategy", "type"), "defaults take part")
	b.one(Configured, changed)
	b.one(Unchanged, changed)
}

func images(o *unstructured.Unstructured) string {
	list, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	var all []string
	for _, c := range list {
		image, _ := c.(map[string]any)["image"].(string)
		all = append(all, image)
	}
	return strings.Join(all, " ")
}

func TestPreviewSeesWhatOthersChanged(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, configMap)
	patch := func(body string) {
		_, err := b.conn.Dynamic().Resource(configMaps).Namespace(b.ns).Patch(t.Context(), "cm", types.MergePatchType, []byte(body),
			metav1.PatchOptions{FieldManager: "somebody"})
		require.NoError(t, err)
	}
	patch(`{"data":{"extra":"x"}}`)
	require.Equal(t, Unchanged, b.previewOne(configMap).Action, "what others add is left alone")
	patch(`{"data":{"a":"theirs"}}`)
	p := b.previewOne(configMap)
	require.Equal(t, Configured, p.Action)
	require.Equal(t, "theirs", field(t, p.Live, "data", "a"))
	require.Equal(t, "1", field(t, p.Would, "data", "a"))
	require.Equal(t, "x", field(t, p.Would, "data", "extra"))
}

func TestPreviewOfForeignAndInvalidObjects(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, configMap)
	b.one(Created, claim)
	p := b.preview("w2", Request{Object: b.object(configMap)})[0]
	require.ErrorIs(t, p.Err, ErrForeign)
	require.Nil(t, p.Live, "what belongs to others is not read")
	p = b.preview("w2", Request{Object: b.object(configMap), Adopt: true})[0]
	require.Equal(t, Configured, p.Action, p.Message)
	p = b.previewOne(strings.Replace(claim, "1Gi", "500Mi", 1))
	require.Equal(t, Failed, p.Action)
	require.Contains(t, p.Message, "cannot shrink")
	p = b.previewOne(strings.Replace(configMap, "data:", "datum:", 1))
	require.Equal(t, Failed, p.Action)
}

func TestPreviewOfReplacements(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, strings.Replace(job, "IMAGE", "busybox", 1))
	p := b.previewOne(strings.Replace(job, "IMAGE", "busybox:2", 1))
	require.Equal(t, Replaced, p.Action, p.Message)
	require.Equal(t, []any{"busybox", "busybox:2"}, []any{images(p.Live), images(p.Would)})
	require.Equal(t, "task", p.Would.GetName())
	require.Nil(t, field(t, p.Would, "spec", "selector"))

	b.one(Created, clusterIP)
	p = b.previewOne(headless)
	require.Equal(t, Replaced, p.Action, p.Message)
	require.Equal(t, "None", field(t, p.Would, "spec", "clusterIP"))
	list, err := b.conn.Metadata().Resource(jobs).Namespace(b.ns).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
}

func TestPreviewOfAnotherStrategy(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, deployment)
	p := b.previewOne(strings.NewReplacer("replicas: 1", "replicas: 2, strategy: {type: Recreate}").Replace(deployment))
	require.Equal(t, Configured, p.Action, p.Message)
	require.Equal(t, map[string]any{"type": "Recreate"}, field(t, p.Would, "spec", "strategy"))
	require.EqualValues(t, 2, field(t, p.Would, "spec", "replicas"))
}

func TestPreviewOfAlternatives(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	with := func(env string) string {
		return strings.Replace(deployment, "image: nginx", "image: nginx, env: [{name: A, "+env+"}]", 1)
	}
	ours := with("valueFrom: {fieldRef: {fieldPath: metadata.name}}")
	b.one(Created, ours)
	_, err := b.conn.Dynamic().Resource(deployments).Namespace(b.ns).Patch(t.Context(), "web", types.StrategicMergePatchType,
		[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","value":"x","valueFrom":null}]}]}}}}`),
		metav1.PatchOptions{FieldManager: "somebody"})
	require.NoError(t, err)
	p := b.previewOne(strings.Replace(ours, "image: nginx", "image: nginx:2", 1))
	require.Equal(t, Configured, p.Action, p.Message)
	containers, _ := field(t, p.Would, "spec", "template", "spec", "containers").([]any)
	require.Equal(t, "nginx:2", images(p.Would))
	env := containers[0].(map[string]any)["env"].([]any)[0].(map[string]any)
	require.NotContains(t, env, "value")
	require.Contains(t, env, "valueFrom")
	b.one(Configured, strings.Replace(ours, "image: nginx", "image: nginx:2", 1))
}

func TestPreviewKeepsWhatAnAutoscalerDecides(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, strings.Replace(deployment, "replicas: 1", "replicas: 4", 1))
	without := b.object(strings.Replace(deployment, "replicas: 1, ", "", 1))
	p := b.preview("w1", Request{Object: without, Initial: []Initial{{Path: []string{"spec", "replicas"}, Value: int64(2)}}})[0]
	require.Equal(t, Configured, p.Action, "the field is given up")
	require.EqualValues(t, 4, field(t, p.Would, "spec", "replicas"))
}

func TestPreviewBeforeTheNamespaceExists(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	nowhere := func(manifest string) Request {
		o := b.object(manifest)
		o.SetNamespace(b.ns + "-later")
		return Request{Object: o}
	}
	for _, m := range everyKind {
		p := b.preview("w1", nowhere(m))[0]
		require.Equal(t, Created, p.Action, p.Message)
		require.Equal(t, b.ns+"-later", p.Namespace)
	}
	p := b.preview("w1", nowhere(`{apiVersion: example.kubeorch.io/v1, kind: Greeting, metadata: {name: hi}, spec: {message: [1]}}`))[0]
	require.Equal(t, Failed, p.Action, "the schema judges it: %s", p.Message)
	require.NotContains(t, p.Message, "default/")
}

func TestPreviewWhileThePredecessorIsBeingDeleted(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	o := b.object(configMap)
	o.SetFinalizers([]string{"example.com/hold"})
	require.Equal(t, Created, b.by("w1").Apply(t.Context(), []Request{{Object: o}}, nil)[0].Action)
	cms := b.conn.Dynamic().Resource(configMaps).Namespace(b.ns)
	require.NoError(t, cms.Delete(t.Context(), "cm", metav1.DeleteOptions{}))
	p := b.previewOne(configMap)
	require.Equal(t, Created, p.Action, p.Message)
	require.Contains(t, p.Message, "being deleted")
	_, err := cms.Patch(t.Context(), "cm", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	require.NoError(t, err)
}

func TestPreviewOfValues(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	const empty = `{apiVersion: v1, kind: Secret, metadata: {name: sec}}`
	req := func(values map[string]string) ValuesRequest {
		return ValuesRequest{Object: b.object(empty), Keys: []string{"a", "b"}, Values: values}
	}
	by := b.by("w1")
	p, state := by.PreviewValues(t.Context(), req(nil))
	require.Equal(t, Skipped, p.Action)
	require.Equal(t, []string{"a", "b"}, state.Missing)
	p, state = by.PreviewValues(t.Context(), req(map[string]string{"a": "first-value"}))
	require.Equal(t, Created, p.Action, p.Message)
	require.Equal(t, []string{"b"}, state.Missing)
	c, _ := by.ApplyValues(t.Context(), req(map[string]string{"a": "first-value"}))
	require.Equal(t, Created, c.Action, "a preview made it: %s", c.Message)
	p, state = by.PreviewValues(t.Context(), req(nil))
	require.Equal(t, Unchanged, p.Action, p.Message)
	require.NotEmpty(t, state.Revision)
	p, state = by.PreviewValues(t.Context(), req(map[string]string{"b": "second-value"}))
	require.Equal(t, Configured, p.Action, p.Message)
	require.Empty(t, state.Missing)
	require.Equal(t, "new", state.Revision)

	foreign, state := b.by("w2").PreviewValues(t.Context(), req(map[string]string{"a": "guessed-value"}))
	require.ErrorIs(t, foreign.Err, ErrForeign)
	require.Nil(t, foreign.Live)
	require.Empty(t, state.Present)
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, configMap)
	dry := b.by("w1").DryRun()
	ref := RefOf(b.object(configMap))
	require.Equal(t, Deleted, dry.Delete(t.Context(), []Ref{ref}, DeleteOptions{})[0].Action)
	require.Equal(t, Created, dry.EnsureNamespaces(t.Context(), []string{b.ns + "-later"}, nil)[0].Action)
	require.Equal(t, Created, dry.EnsureNamespaces(t.Context(), []string{b.ns + "-later"}, nil)[0].Action)
	b.one(Unchanged, configMap)
}

func TestPreviewTellsWarningsOfTheServer(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	dup := strings.Replace(deployment, "image: nginx", "image: nginx, env: [{name: A, value: a}, {name: B, value: $(A)}]", 1)
	require.Empty(t, b.previewOne(dup).Warnings)
	p := b.previewOne(`{apiVersion: v1, kind: Service, metadata: {name: svc}, spec: {selector: {app: web}, externalIPs: [010.0.0.1], ports: [{port: 80}]}}`)
	require.NotEmpty(t, append(p.Warnings, p.Message))
	p = b.previewOne(strings.Replace(cron, `spec: {schedule`, `spec: {suspend: true, schedule`, 1))
	require.Empty(t, p.Warnings)
	p = b.previewOne(`{apiVersion: v1, kind: Endpoints, metadata: {name: ends}}`)
	require.Contains(t, strings.Join(p.Warnings, " "), "deprecated")
}
