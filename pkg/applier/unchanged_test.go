package applier

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// manifests returns one object of each kind that nodes make, with most of the fields
// that they set.
func manifests() map[string]string {
	workload := func(kind string) string {
		return podSpec(kind, `
env: [{name: A, value: "1"}, {name: B, value: "2"}]
ports: [{name: http, containerPort: 8080}]
resources: {requests: {cpu: 500m, memory: 64Mi}, limits: {memory: 0.125Gi}}
volumeMounts: [{name: v, mountPath: /v}]
readinessProbe: {httpGet: {path: /ready, port: http}}`, "volumes: [{name: v, configMap: {name: settings, optional: true}}]", "")
	}
	pod := `{restartPolicy: Never, containers: [{name: c, image: "busybox:1.37", command: [sh, -c, "true"]}]}`
	return map[string]string{
		"Deployment":              strings.Replace(workload("Deployment"), "spec:\n", "spec:\n  replicas: 2\n", 1),
		"StatefulSet":             strings.Replace(workload("StatefulSet"), "spec:\n", "spec:\n  replicas: 2\n", 1),
		"DaemonSet":               workload("DaemonSet"),
		"Job":                     "{apiVersion: batch/v1, kind: Job, metadata: {name: o}, spec: {backoffLimit: 2, template: {spec: " + pod + "}}}",
		"CronJob":                 `{apiVersion: batch/v1, kind: CronJob, metadata: {name: o}, spec: {schedule: "0 6 1 1 *", suspend: true, jobTemplate: {spec: {template: {spec: ` + pod + `}}}}}`,
		"Service":                 `{apiVersion: v1, kind: Service, metadata: {name: o, annotations: {a: b}}, spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: b, port: 81}]}}`,
		"Ingress":                 `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: o}, spec: {ingressClassName: nginx, rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: o, port: {number: 80}}}}]}}]}}`,
		"ConfigMap":               `{apiVersion: v1, kind: ConfigMap, metadata: {name: o}, data: {a: "1", b: "2"}}`,
		"Secret":                  `{apiVersion: v1, kind: Secret, metadata: {name: o}, data: {a: MQ==, b: Mg==}}`,
		"PersistentVolumeClaim":   `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: o}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}`,
		"HorizontalPodAutoscaler": `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: o}, spec: {minReplicas: 1, maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]}}`,
		"NetworkPolicy":           `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: o}, spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{ports: [{protocol: TCP, port: 80}]}]}}`,
	}
}

// spot is a field of a manifest that holds no other fields.
type spot struct {
	path  []any // names of fields and indexes of lists
	value any
}

func (s spot) String() string { return fmt.Sprint(s.path) }

// editable reports whether the field can be changed, and changed back. A claim that
// somebody has grown cannot shrink.
func (s spot) editable() bool {
	last := s.path[len(s.path)-1]
	return s.path[0] != "apiVersion" && s.path[0] != "kind" && last != "storage" &&
		(s.path[0] != "metadata" || last != "name" && last != "namespace")
}

func spotsOf(v any, path []any) (spots []spot) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			spots = append(spots, spotsOf(e, append(path[:len(path):len(path)], k))...)
		}
	case []any:
		for i, e := range v {
			spots = append(spots, spotsOf(e, append(path[:len(path):len(path)], i))...)
		}
	default:
		spots = append(spots, spot{path, v})
	}
	return spots
}

// put sets the field of o to a value, or removes it where that is nil.
func (s spot) put(o map[string]any, value any) {
	var at any = o
	for i, step := range s.path {
		last := i == len(s.path)-1
		switch key := step.(type) {
		case string:
			m, found := at.(map[string]any)
			if !found { // somebody else has removed it
				return
			}
			if last && value == nil {
				delete(m, key)
			} else if last {
				m[key] = value
			}
			at = m[key]
		case int:
			list, _ := at.([]any)
			if key >= len(list) {
				return
			}
			if last && value != nil {
				list[key] = value
			}
			at = list[key]
		}
	}
}

// others returns other values that the field may have; nil stands for none at all.
func (s spot) others() []any {
	switch v := s.value.(type) {
	case string:
		return []any{v + "x", "Recreate", "2Gi", "other", nil}
	case int64:
		return []any{v + 1, nil}
	case float64:
		return []any{v + 1, nil}
	case bool:
		return []any{!v, nil}
	}
	return []any{nil}
}

// writers are the ways in which others write to an object.
func writers() map[string]func(context.Context, dynamic.ResourceInterface, *unstructured.Unstructured, spot, any) error {
	return map[string]func(context.Context, dynamic.ResourceInterface, *unstructured.Unstructured, spot, any) error{
		"update": func(ctx context.Context, r dynamic.ResourceInterface, live *unstructured.Unstructured, s spot, v any) error {
			o := live.DeepCopy()
			s.put(o.Object, v)
			_, err := r.Update(ctx, o, metav1.UpdateOptions{FieldManager: "kubectl-edit"})
			return err
		},
		"patch": func(ctx context.Context, r dynamic.ResourceInterface, live *unstructured.Unstructured, s spot, v any) error {
			op := map[string]any{"op": "replace", "path": pointer(s.path), "value": v}
			if v == nil {
				op = map[string]any{"op": "remove", "path": pointer(s.path)}
			}
			body, err := json.Marshal([]any{op})
			if err == nil {
				_, err = r.Patch(ctx, live.GetName(), types.JSONPatchType, body, metav1.PatchOptions{FieldManager: "kubectl-patch"})
			}
			return err
		},
		"apply": func(ctx context.Context, r dynamic.ResourceInterface, live *unstructured.Unstructured, s spot, v any) error {
			o := live.DeepCopy()
			for _, key := range []string{"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp"} {
				unstructured.RemoveNestedField(o.Object, "metadata", key)
			}
			unstructured.RemoveNestedField(o.Object, "status")
			s.put(o.Object, v)
			_, err := r.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: "their-tool", Force: true})
			return err
		},
		"no managers": func(ctx context.Context, r dynamic.ResourceInterface, live *unstructured.Unstructured, s spot, v any) error {
			o := live.DeepCopy()
			if !slices.Contains(s.path, any("ports")) { // whose number nobody knows then
				s.put(o.Object, v)
			}
			o.SetManagedFields([]metav1.ManagedFieldsEntry{{}})
			_, err := r.Update(ctx, o, metav1.UpdateOptions{FieldManager: "cleaner"})
			return err
		},
	}
}

func pointer(path []any) string {
	var b strings.Builder
	for _, step := range path {
		fmt.Fprintf(&b, "/%s", strings.NewReplacer("~", "~0", "/", "~1").Replace(fmt.Sprint(step)))
	}
	return b.String()
}

// TestUnchangedIsWhatADryRunSays edits every field of an object of every kind in every
// way, and compares what is remembered with a dry run of the whole object: what counts
// as unchanged would not be changed, and after a run everything counts as unchanged.
func TestUnchangedIsWhatADryRunSays(t *testing.T) {
	t.Parallel()
	for kind, manifest := range manifests() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newFixture(t)
			k := &knowledge{fixture: b, applier: b.by("w1"), req: Request{Object: b.object(manifest)}}
			k.run()
			edits := 0
			for _, s := range spotsOf(k.req.Object.Object, nil) {
				if !s.editable() {
					continue
				}
				for name, write := range writers() {
					if k.edit(s, write) {
						edits++
						k.compare(kind + ": " + name + " of " + s.String())
						k.after = name + " of " + s.String()
						k.run()
					}
				}
			}
			require.NotZero(t, edits, "the API server took no edit")
		})
	}
}

// knowledge is what runs know of one object.
type knowledge struct {
	*fixture

	applier *Applier
	req     Request
	after   string // the last edit
	settled bool   // a dry run agreed before that
}

// run applies the object, remembers it, and requires that it counts as unchanged. The API
// server may put a list that others add to in another order with each apply, so a dry run
// does not always agree; a run that asks about nothing leaves such a list alone.
func (k *knowledge) run() {
	k.t.Helper()
	for range 3 {
		k.req.Survey, k.req.Remembered = nil, Remembered{}
		c := k.applier.Apply(k.t.Context(), []Request{k.req}, nil)[0]
		require.NoError(k.t, c.Err, "%s after %s", c.Message, k.after)
		k.req.Remembered = Remembered{UID: c.UID, Fields: c.Fields}
		require.True(k.t, k.unchanged(), "%s after %s", c.Action, k.after)
		if k.settled = k.dryRun().Action == Unchanged; k.settled {
			return
		}
	}
}

func (k *knowledge) dryRun() Change {
	k.t.Helper()
	req := k.req
	req.Remembered = Remembered{}
	return k.applier.Try(k.t.Context(), []Request{req})[0]
}

func (k *knowledge) unchanged() bool {
	k.t.Helper()
	var err error
	k.req.Survey, err = k.applier.Survey(k.t.Context(), []Ref{RefOf(k.req.Object)}, nil)
	require.NoError(k.t, err)
	target, err := k.applier.target(k.t.Context(), k.req.Object)
	require.NoError(k.t, err)
	_, same := k.applier.unchanged(target, k.req)
	return same
}

// edit has somebody else change a field, and reports whether the API server took one
// of the other values.
func (k *knowledge) edit(
	s spot, write func(context.Context, dynamic.ResourceInterface, *unstructured.Unstructured, spot, any) error,
) bool {
	k.t.Helper()
	target, err := k.applier.target(k.t.Context(), k.req.Object)
	require.NoError(k.t, err)
	for _, value := range s.others() {
		live, err := target.full.Get(k.t.Context(), target.ref.Name, metav1.GetOptions{})
		require.NoError(k.t, err)
		err = write(k.t.Context(), target.full, live, s, value)
		if kubernetes.ReasonOf(err) == kubernetes.Conflict { // a controller was faster
			err = write(k.t.Context(), target.full, live, s, value)
		}
		if err == nil {
			return true
		}
	}
	return false
}

// compare requires that an object that counts as unchanged would not be changed.
func (k *knowledge) compare(what string) {
	k.t.Helper()
	if !k.settled || !k.unchanged() {
		return
	}
	c := k.dryRun()
	require.Equal(k.t, Unchanged, c.Action, "%s: %s", what, c.Message)
}
