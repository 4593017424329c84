package inventory

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
)

// hostileTexts are texts that no API server lets pass, but that a cluster may send.
func hostileTexts() []any {
	return []any{
		"a\nb\x00c\u2028d\xff", strings.Repeat("<", 1<<10), strings.Repeat("\"", 10<<10), strings.Repeat("ü", 200),
		"9999-12-31T23:59:59-23:00", "0000-01-01T00:00:00+23:00",
		nil, int64(1 << 62), 1e300, []any{nil, "x", int64(1)}, map[string]any{"cpu": nil, "name": []any{}},
	}
}

// TestHostileValues puts hostile values in the place of every value of every object.
func TestHostileValues(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			u := decode(t, string(text))
			k := kindOf(u)
			before := k.Extract(u)
			everyValue(u.Object, func(put func(any)) {
				for _, v := range hostileTexts() {
					put(v)
					requireBounded(t, k, before, u)
				}
			})
		})
	}
}

// everyValue calls f for every value within v, with a function that replaces it. The
// value is as before afterwards.
func everyValue(v any, f func(put func(any))) {
	switch v := v.(type) {
	case map[string]any:
		for key, was := range v {
			everyValue(was, f)
			f(func(other any) { v[key] = other })
			v[key] = was
		}
	case []any:
		for i, was := range v {
			everyValue(was, f)
			f(func(other any) { v[i] = other })
			v[i] = was
		}
	}
}

// requireBounded fails if an object is not kept within the bounds, or its history is
// not.
func requireBounded(t testing.TB, k Kind, before models.ResourceState, o metav1.Object) {
	t.Helper()
	s := k.Extract(o)
	if reflect.DeepEqual(s, before) {
		return // of a value that is not read
	}
	requireStorable(t, s)
	require.NotContains(t, s.Message, "\n")
	Summary(k.Kind, s, time.Now())
	for _, c := range Diff(&before, &s, time.Time{}) {
		requireObjects(t, c.Changes)
		raw, err := json.Marshal(c)
		require.NoError(t, err)
		require.LessOrEqual(t, len(raw), 24<<10)
	}
}

// many returns n values.
func many(n int, value func(i int) any) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = value(i)
	}
	return out
}

func TestHugeObjects(t *testing.T) {
	t.Parallel()
	const n = 5000
	labels, annotations := map[string]any{"app": "web", "kubeorch.io/workflow": "w1"}, map[string]any{"huge": strings.Repeat("x", 256<<10)}
	for i := range 2 * n {
		labels[fmt.Sprintf("a%d", i)] = "v"
		annotations[fmt.Sprintf("a%d", i)] = strings.Repeat("&", 100)
	}
	owner := func(i int) any {
		return map[string]any{"kind": "ReplicaSet", "name": strings.Repeat("n", 253), "uid": fmt.Sprint(i), "controller": true}
	}
	word := strings.Repeat("\\", 1000)
	words := many(n, func(int) any { return word })
	ports := many(n, func(i int) any { return map[string]any{"containerPort": int64(i), "name": "p"} })
	container := func(i int) any {
		return map[string]any{
			"name": fmt.Sprintf("c%d", i), "image": strings.Repeat("i", 2000), "command": words, "args": words, "ports": ports,
		}
	}
	state := func(i int) any {
		return map[string]any{"name": fmt.Sprintf("c%d", i), "state": map[string]any{"waiting": map[string]any{
			"reason": "CreateContainerError", "message": strings.Repeat("<>", 10000),
		}}}
	}
	pods := map[string]any{"containers": many(n, container)}
	for name, content := range map[string]map[string]any{
		"v1 Pod":             {"spec": pods, "status": map[string]any{"phase": "Pending", "containerStatuses": many(n, state)}},
		"apps/v1 Deployment": {"spec": map[string]any{"template": map[string]any{"spec": pods}}},
		"v1 Service": {"spec": map[string]any{"externalIPs": words, "ports": many(n, func(i int) any {
			return map[string]any{"port": int64(i), "name": strings.Repeat("p", 63), "targetPort": strings.Repeat("t", 63)}
		})}},
		"networking.k8s.io/v1 Ingress": {"spec": map[string]any{"rules": many(n, func(i int) any {
			return map[string]any{"host": fmt.Sprintf("%d.%s", i, strings.Repeat("h", 200)), "http": map[string]any{"paths": words}}
		})}},
		"networking.k8s.io/v1 NetworkPolicy": {"spec": map[string]any{"policyTypes": words, "podSelector": map[string]any{"matchLabels": labels}}},
		"v1 PersistentVolumeClaim":           {"spec": map[string]any{"accessModes": words}},
		"v1 Namespace": {"status": map[string]any{"phase": "Terminating", "conditions": many(n, func(int) any {
			return map[string]any{"status": "True", "message": strings.Repeat("<", 1000)}
		})}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apiVersion, kind, _ := strings.Cut(name, " ")
			u := &unstructured.Unstructured{Object: content}
			u.SetAPIVersion(apiVersion)
			u.SetKind(kind)
			content["metadata"] = map[string]any{"labels": labels, "annotations": annotations, "ownerReferences": many(n, owner)}
			k := kindOf(u)
			requireBounded(t, k, models.ResourceState{}, u)
			s := k.Extract(u)
			require.Equal(t, "web", s.Labels["app"], "what joins objects is kept before the rest")
			require.Equal(t, "w1", s.Labels["kubeorch.io/workflow"])
			require.NotEmpty(t, s.Annotations)
			require.NotEmpty(t, s.Parent)
			left, _ := s.Spec[omitted].(map[string]any)
			require.EqualValues(t, 2*n+2-len(s.Labels), left["labels"], "what is left out is counted")
		})
	}
}

func TestAnnotations(t *testing.T) {
	t.Parallel()
	u := decode(t, `{apiVersion: v1, kind: ConfigMap, metadata: {annotations: {
		kubectl.kubernetes.io/last-applied-configuration: '{"kind":"ConfigMap"}', objectset.rio.cattle.io/applied: H4sIAA,
		kapp.k14s.io/original: '{}', tool/copy: ' {"apiVersion":"v1","kind":"ConfigMap","data":{"a":"canary"}}',
		control-plane.alpha.kubernetes.io/leader: '{"renewTime":"x"}', list: '[1, 2]', note: "two\nlines", $set: x, "\0": x}}}`)
	long := u.GetAnnotations()
	long["long"] = strings.Repeat("x", 300)
	u.SetAnnotations(long)
	require.Equal(t, map[string]string{"list": "[1, 2]", "note": "two lines", "long": strings.Repeat("x", 253) + "…"},
		kindOf(u).Extract(u).Annotations, "neither copies of the object nor records of leaders are kept")

	u.SetKind("Secret")
	require.Equal(t, map[string]string{"note": "two lines"}, kindOf(u).Extract(u).Annotations,
		"nothing that may hold values of a Secret is kept")
}

func TestParent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ metadata, want string }{
		"a pod of a Deployment": {
			`{labels: {pod-template-hash: 5f6d}, ownerReferences: [{kind: ReplicaSet, name: web-5f6d, controller: true}]}`, "Deployment/web",
		},
		"a pod of a ReplicaSet that no Deployment made": {
			`{ownerReferences: [{kind: ReplicaSet, name: web-5f6d, controller: true}]}`, "ReplicaSet/web-5f6d",
		},
		"a pod of a ReplicaSet of another name": {
			`{labels: {pod-template-hash: 5f6d}, ownerReferences: [{kind: ReplicaSet, name: web, controller: true}]}`, "ReplicaSet/web",
		},
		"a pod of a StatefulSet": {
			`{labels: {pod-template-hash: "0"}, ownerReferences: [{kind: StatefulSet, name: db-0, controller: true}]}`, "StatefulSet/db-0",
		},
		"a Job of a CronJob":                  {`{ownerReferences: [{kind: CronJob, name: backup, controller: true}]}`, "CronJob/backup"},
		"the owner that controls, not others": {`{ownerReferences: [{kind: Node, name: n}, {kind: Job, name: j, controller: true}]}`, "Job/j"},
		"an owner that controls nothing":      {`{ownerReferences: [{kind: ConfigMap, name: c}]}`, ""},
		"no owner":                            {`{}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := decode(t, `{apiVersion: v1, kind: Pod, metadata: `+tc.metadata+`}`)
			require.Equal(t, tc.want, kindOf(u).Extract(u).Parent)
		})
	}
}

// FuzzExtract: no object makes Extract, Diff and Summary fail or exceed their bounds.
func FuzzExtract(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(f, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		raw, err := decode(f, string(text)).MarshalJSON()
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Add([]byte(`{"kind":"Pod","apiVersion":"v1","spec":{"containers":[null,{"name":1,"ports":[[]],"args":[{}]}]},"status":{"containerStatuses":{}}}`))
	f.Add([]byte(`{"kind":"Job","apiVersion":"batch/v1","metadata":{"labels":{"":""},"ownerReferences":[{"controller":"yes"}]},"status":{"startTime":3}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		u := &unstructured.Unstructured{}
		if u.UnmarshalJSON(raw) != nil {
			return
		}
		requireBounded(t, kindOf(u), models.ResourceState{}, u)
	})
}

func BenchmarkExtract(b *testing.B) {
	for _, name := range []string{"pod", "pod-crash-loop", "deployment", "configmap"} {
		b.Run(name, func(b *testing.B) {
			text, err := os.ReadFile("testdata/" + name + ".yaml")
			require.NoError(b, err)
			u := decode(b, string(text))
			k, o := kindOf(u), asRead(u)
			b.ReportAllocs()
			for b.Loop() {
				k.Extract(o)
			}
		})
	}
}
