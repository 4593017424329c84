package applier

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// podSpec is a workload's manifest with the given lines in its container and
// in its pod.
func podSpec(kind, container, pod, spec string) string {
	indent := func(text, by string) string {
		if text == "" {
			return ""
		}
		return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by) + "\n"
	}
	m := `apiVersion: apps/v1
kind: ` + kind + `
metadata: {name: web}
spec:
` + indent(spec, "  ") + `  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
` + indent(pod, "      ") + `      containers:
        - name: web
          image: nginx:1.27
` + indent(container, "          ")
	if kind == "StatefulSet" {
		m = strings.Replace(m, "spec:\n", "spec:\n  serviceName: web\n", 1)
	}
	return m
}

// TestSwitchesBetweenFieldsThatExcludeEachOther: every change between two
// forms succeeds, in both directions, although the server filled in defaults
// of the former; a rerun changes nothing.
func TestSwitchesBetweenFieldsThatExcludeEachOther(t *testing.T) {
	t.Parallel()
	env := func(value string) string { return "env:\n- name: A\n  " + value }
	volume := func(source string) string { return "volumes:\n- name: v\n  " + source }
	deployment := func(container, pod, spec string) string { return podSpec("Deployment", container, pod, spec) }
	for name, forms := range map[string][]string{
		"strategy": {
			deployment("", "", ""), deployment("", "", "strategy: {type: Recreate}"), deployment("", "", "strategy: {type: RollingUpdate}"),
			deployment("", "", "strategy: {rollingUpdate: {maxSurge: 3}}"),
		},
		"strategy of a statefulset": {
			podSpec("StatefulSet", "", "", ""), podSpec("StatefulSet", "", "", "updateStrategy: {type: OnDelete}"),
			podSpec("StatefulSet", "", "", "updateStrategy: {rollingUpdate: {partition: 1}}"),
		},
		"strategy of a daemonset": {
			podSpec("DaemonSet", "", "", ""), podSpec("DaemonSet", "", "", "updateStrategy: {type: OnDelete}"),
			podSpec("DaemonSet", "", "", "updateStrategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}"),
		},
		"probe": {
			deployment("livenessProbe: {httpGet: {port: 80}}", "", ""), deployment("livenessProbe: {tcpSocket: {port: 80}}", "", ""),
			deployment("livenessProbe: {exec: {command: [a]}}", "", ""), deployment("livenessProbe: {grpc: {port: 80}}", "", ""), deployment("", "", ""),
		},
		"hook": {
			deployment("lifecycle: {preStop: {httpGet: {port: 80}}}", "", ""), deployment("lifecycle: {preStop: {exec: {command: [a]}}}", "", ""),
			deployment("lifecycle: {postStart: {httpGet: {port: 80}}}", "", ""), deployment("", "", ""),
		},
		"variable": {
			deployment(env("value: x"), "", ""), deployment(env("valueFrom: {fieldRef: {fieldPath: metadata.name}}"), "", ""),
			deployment(env("valueFrom: {secretKeyRef: {name: a, key: b, optional: true}}"), "", ""),
			deployment(env("valueFrom: {resourceFieldRef: {resource: limits.cpu}}"), "", ""), deployment(env("value: ''"), "", ""),
			deployment(env("valueFrom: {configMapKeyRef: {name: a, key: b}}"), "", ""),
		},
		"volume": {
			deployment("", volume("configMap: {name: a}"), ""), deployment("", volume("secret: {secretName: a}"), ""),
			deployment("", volume("persistentVolumeClaim: {claimName: a}"), ""), deployment("", volume("emptyDir: {}"), ""),
		},
		"probe of a daemonset": {
			podSpec("DaemonSet", "livenessProbe: {httpGet: {port: 80}}", "", ""), podSpec("DaemonSet", "livenessProbe: {exec: {command: [a]}}", "", ""),
		},
		"cronjob": {cronJob("livenessProbe: {httpGet: {port: 80}}"), cronJob("livenessProbe: {exec: {command: [a]}}"), cronJob("image: nginx")},
		"service": {
			serviceWith("sessionAffinity: ClientIP"), serviceWith("sessionAffinity: None"), serviceWith("type: NodePort"), serviceWith("type: ClusterIP"),
			serviceWith("type: LoadBalancer\n  externalTrafficPolicy: Local"), serviceWith("type: ClusterIP"), serviceWith("type: NodePort\n  sessionAffinity: ClientIP"), serviceWith("type: LoadBalancer"),
			serviceWith("type: ClusterIP"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFixture(t)
			b.one(Created, forms[0])
			order := append(append([]string{}, forms[1:]...), forms[0])
			for i := range forms { // and each form after each other one
				order = append(order, forms[(2*i)%len(forms)])
			}
			for i, form := range order {
				c := b.apply("w1", form)[0]
				require.NotEqual(t, Failed, c.Action, "step %d: %s\n%s", i, c.Message, form)
				b.one(Unchanged, form)
			}
		})
	}
}

func cronJob(container string) string {
	if !strings.Contains(container, "image") {
		container = "image: nginx\n              " + container
	}
	return `apiVersion: batch/v1
kind: CronJob
metadata: {name: web}
spec:
  schedule: "@yearly"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: web
              ` + container + "\n"
}

func serviceWith(lines string) string {
	return `apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, protocol: TCP, targetPort: 80}]
  ` + lines + "\n"
}

// TestWhatOthersOwnIsNotTouchedByASwitch: what somebody else set beside us
// stays through a switch.
func TestWhatOthersOwnIsNotTouchedByASwitch(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, podSpec("Deployment", "livenessProbe: {httpGet: {port: 80}}", "", ""))
	deployments := b.conn.Dynamic().Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(b.ns)
	patch := []byte(`{"spec": {"replicas": 4, "revisionHistoryLimit": 7}, "metadata": {"annotations": {"theirs": "1"}}}`)
	_, err := deployments.Patch(t.Context(), "web", "application/merge-patch+json", patch, metav1.PatchOptions{FieldManager: "somebody"})
	require.NoError(t, err)
	b.one(Configured, podSpec("Deployment", "livenessProbe: {exec: {command: [a]}}", "", "strategy: {type: Recreate}"))
	o, err := deployments.Get(t.Context(), "web", metav1.GetOptions{})
	require.NoError(t, err)
	replicas, _, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
	limit, _, _ := unstructured.NestedInt64(o.Object, "spec", "revisionHistoryLimit")
	require.Equal(t, []any{int64(4), int64(7), "1"}, []any{replicas, limit, o.GetAnnotations()["theirs"]})
	require.EqualValues(t, 4, o.GetGeneration(), "one change by them, the strategy, and what follows it")
	for _, e := range o.GetManagedFields() {
		require.NotContains(t, e.Manager, "-strategy", "who took the defaults over owns nothing in the end")
	}
}

// TestSwitchesOfWhatOthersHaveChanged: a change of its value by somebody else
// keeps no field from being replaced by its alternative. Their other fields stay.
func TestSwitchesOfWhatOthersHaveChanged(t *testing.T) {
	t.Parallel()
	deployment := func(container, pod string) string { return podSpec("Deployment", container, pod, "") }
	pods := func(name string) string { return `{"spec": {"template": {"spec": {` + name + `}}}}` }
	container := func(field string) string {
		return pods(`"containers": [{"name": "web", "workingDir": "/theirs", ` + field + `}]`)
	}
	for name, c := range map[string]struct{ before, theirs, after string }{
		"variable": {
			deployment("env: [{name: A, value: x}]", ""), container(`"env": [{"name": "A", "value": "y"}, {"name": "B", "value": "z"}]`),
			deployment("env: [{name: A, valueFrom: {secretKeyRef: {name: a, key: b}}}]", ""),
		},
		"volume": {
			deployment("", "volumes: [{name: v, configMap: {name: a}}]"), pods(`"volumes": [{"name": "v", "configMap": {"name": "b"}}]`),
			deployment("", "volumes: [{name: v, emptyDir: {}}]"),
		},
		"probe": {
			deployment("readinessProbe: {httpGet: {path: /a, port: 80}}", ""), container(`"readinessProbe": {"httpGet": {"path": "/b", "port": 80}}`),
			deployment("readinessProbe: {exec: {command: [a]}}", ""),
		},
		"hook": {
			deployment("lifecycle: {preStop: {httpGet: {path: /a, port: 80}}}", ""), container(`"lifecycle": {"preStop": {"httpGet": {"path": "/b", "port": 80}}}`),
			deployment("lifecycle: {preStop: {exec: {command: [a]}}}", ""),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFixture(t)
			b.one(Created, c.before)
			deployments := b.conn.Dynamic().Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(b.ns)
			_, err := deployments.Patch(t.Context(), "web", types.StrategicMergePatchType, []byte(c.theirs), metav1.PatchOptions{FieldManager: "kubectl-set"})
			require.NoError(t, err)
			b.one(Configured, c.after)
			b.one(Unchanged, c.after)
			o, err := deployments.Get(t.Context(), "web", metav1.GetOptions{})
			require.NoError(t, err)
			require.EqualValues(t, 3, o.GetGeneration(), "one change by them and one by us")
			text := fmt.Sprint(o.Object["spec"])
			for theirs, of := range map[string]string{"/theirs": "containers", "name:B": `"env"`} {
				if strings.Contains(c.theirs, of) {
					require.Contains(t, text, theirs)
				}
			}
		})
	}
}

// TestExistingWorkloadKeepsItsSelector: a selector that asks for more labels
// than it did when the workload was made changes neither it nor its pods.
func TestExistingWorkloadKeepsItsSelector(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newFixture(t)
			former := podSpec(kind, "", "", "")
			with := strings.ReplaceAll(former, "{app: web}", "{app: web, type: x}")
			b.one(Created, former)
			resource := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: strings.ToLower(kind) + "s"}
			spec := func() any {
				o, err := b.conn.Dynamic().Resource(resource).Namespace(b.ns).Get(t.Context(), "web", metav1.GetOptions{})
				require.NoError(t, err)
				return o.Object["spec"]
			}
			before := spec()
			b.apply("w1", with) // only ManifestAnnotation changes, which the generation of a Deployment counts
			require.Equal(t, before, spec(), "no pod is replaced")
			b.one(Unchanged, with)
			b.one(Configured, strings.Replace(with, "nginx:1.27", "nginx:1.28", 1))

			other := b.apply("w1", strings.ReplaceAll(former, "{app: web}", "{app: other}"))[0]
			require.Equal(t, Failed, other.Action, "pods that the selector does not find are still refused")

			fresh := newFixture(t)
			fresh.one(Created, with)
			fresh.one(Unchanged, with)
		})
	}
}
