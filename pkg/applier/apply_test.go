package applier

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/pkg/kubernetes"
)

const (
	configMap  = `{apiVersion: v1, kind: ConfigMap, metadata: {name: cm}, data: {a: "1"}}`
	secret     = `{apiVersion: v1, kind: Secret, metadata: {name: sec}, data: {a: YQ==}}`
	claim      = `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: pvc}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}`
	service    = `{apiVersion: v1, kind: Service, metadata: {name: svc}, spec: {type: NodePort, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}}`
	headless   = `{apiVersion: v1, kind: Service, metadata: {name: svc}, spec: {clusterIP: None, selector: {app: web}, ports: [{name: http, port: 80}]}}`
	clusterIP  = `{apiVersion: v1, kind: Service, metadata: {name: svc}, spec: {selector: {app: web}, ports: [{name: http, port: 80}]}}`
	pod        = `template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: nginx, resources: {requests: {cpu: 10m}}}]}}`
	deployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 1, selector: {matchLabels: {app: web}}, ` + pod + `}}`
	stateful   = `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {serviceName: db, replicas: 1, selector: {matchLabels: {app: web}}, ` + pod +
		`, volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}}`
	daemon  = `{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent}, spec: {selector: {matchLabels: {app: web}}, ` + pod + `}}`
	job     = `{apiVersion: batch/v1, kind: Job, metadata: {name: task}, spec: {template: {spec: {restartPolicy: Never, containers: [{name: task, image: IMAGE}]}}}}`
	cron    = `{apiVersion: batch/v1, kind: CronJob, metadata: {name: tick}, spec: {schedule: "*/5 * * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: task, image: busybox}]}}}}}}`
	ingress = `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: in}, spec: {rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: svc, port: {number: 80}}}}]}}]}}`
	scaler  = `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: hpa}, spec: {minReplicas: 1, maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: none}, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]}}`
	policy  = `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: np}, spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{ports: [{port: 80}]}]}}`
)

var (
	configMaps  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	secrets     = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	jobs        = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
)

var everyKind = []string{configMap, secret, claim, service, deployment, stateful, daemon, strings.Replace(job, "IMAGE", "busybox", 1), cron, ingress, scaler, policy}

func TestApplyingAgainKeepsTheResourceVersion(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	for i, c := range b.apply("w1", everyKind...) {
		require.Equal(t, Created, c.Action, "%d: %s", i, c.Message)
		require.NotEmpty(t, c.UID)
	}
	versions := func() string {
		var s strings.Builder
		for _, m := range everyKind {
			ta, err := b.by("w1").locate(t.Context(), RefOf(b.object(m)))
			require.NoError(t, err)
			o, err := ta.get(t.Context())
			require.NoError(t, err)
			entry := applied(o)
			fmt.Fprintln(&s, ta.ref, o.Generation, entry.Time.UTC(), entry.FieldsV1.String())
		}
		return s.String()
	}
	before := versions()
	for i, c := range b.apply("w1", everyKind...) {
		require.Equal(t, Unchanged, c.Action, "%d: %s %s", i, c.Ref, c.Message)
	}
	require.Equal(t, before, versions())
}

func TestApplyReportsInOrderAndAsItGoes(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	var reqs []Request
	for i := range 30 {
		reqs = append(reqs, Request{Object: b.object(fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, metadata: {name: cm-%d}}`, i))})
	}
	seen := map[int]bool{}
	changes := b.by("w1").Apply(t.Context(), reqs, func(i int, c Change) {
		seen[i] = true
		require.Equal(t, reqs[i].Object.GetName(), c.Name)
	})
	require.Len(t, seen, 30)
	for i, c := range changes {
		require.Equal(t, fmt.Sprintf("cm-%d", i), c.Name)
		require.Equal(t, Created, c.Action, c.Message)
	}
}

func TestChangedObjectIsConfigured(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, configMap)
	b.one(Configured, strings.Replace(configMap, `"1"`, `"2"`, 1))
	b.one(Created, deployment)
	b.one(Configured, strings.Replace(deployment, "replicas: 1", "replicas: 2", 1))
}

func TestForeignObjects(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	_, err := b.conn.Dynamic().Resource(configMaps).Namespace(b.ns).Create(t.Context(), b.object(configMap), metav1.CreateOptions{FieldManager: "kubectl-create"})
	require.NoError(t, err)

	c := b.one(Failed, configMap)
	require.Contains(t, c.Message, "ConfigMap "+b.ns+"/cm exists and belongs to kubectl")
	require.Equal(t, kubernetes.Exists, kubernetes.ReasonOf(c.Err))

	del := b.by("w1").Delete(t.Context(), []Ref{c.Ref}, DeleteOptions{})
	require.Equal(t, Skipped, del[0].Action)
	require.Contains(t, del[0].Message, "left alone")

	adopted := b.by("w1").Apply(t.Context(), []Request{{Object: b.object(configMap), Adopt: true}}, nil)
	require.Equal(t, Configured, adopted[0].Action, adopted[0].Message)
	b.one(Unchanged, configMap)

	other := b.apply("w2", configMap)[0]
	require.Equal(t, Failed, other.Action)
	require.Contains(t, other.Message, "belongs to another workflow")
}

func TestObjectThatAppearsInTheMeantimeIsNotOverwritten(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	_, err := b.conn.Dynamic().Resource(configMaps).Namespace(b.ns).Create(t.Context(), b.object(configMap), metav1.CreateOptions{FieldManager: "kubectl-create"})
	require.NoError(t, err)
	blind, err := b.by("w1").target(t.Context(), b.object(strings.Replace(configMap, `"1"`, `"2"`, 1)))
	require.NoError(t, err)
	_, err = b.by("w1").create(t.Context(), blind)
	require.Equal(t, kubernetes.Conflict, kubernetes.ReasonOf(err), "%v", err)
	got, err := b.conn.Typed().CoreV1().ConfigMaps(b.ns).Get(t.Context(), "cm", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "1", got.Data["a"])

	same, err := b.by("w1").target(t.Context(), b.object(configMap))
	require.NoError(t, err)
	_, err = b.by("w1").create(t.Context(), same)
	require.ErrorContains(t, err, "was created by kubectl at the same moment")
}

func TestStrictFields(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	c := b.one(Failed, strings.Replace(deployment, "replicas: 1", "replicas: 1, replcias: 2", 1))
	require.Contains(t, c.Message, "replcias")
	require.Equal(t, kubernetes.Invalid, kubernetes.ReasonOf(c.Err))
}

func TestFailureNamesTheField(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	c := b.one(Failed, strings.Replace(service, "port: 80,", "port: 70000,", 1))
	require.Contains(t, c.Message, "Service "+b.ns+"/svc: spec.ports[0].port: ")
}

func TestJobs(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	first := b.one(Created, strings.Replace(job, "IMAGE", "one", 1))
	b.one(Unchanged, strings.Replace(job, "IMAGE", "one", 1))

	changed := b.one(Configured, strings.Replace(job, "IMAGE", "two", 1))
	require.Equal(t, "replaced", changed.Message)
	require.NotEqual(t, first.UID, changed.UID)

	waitFinished(t, b)
	b.one(Unchanged, strings.Replace(job, "IMAGE", "two", 1))
	again := Request{Object: b.object(strings.Replace(job, "IMAGE", "two", 1)), Rerun: true}
	c := b.by("w1").Apply(t.Context(), []Request{again}, nil)[0]
	require.Equal(t, "replaced", c.Message)
}

// waitFinished waits until the Job's pod has run to its end.
func waitFinished(t *testing.T, b *fixture) {
	t.Helper()
	require.Eventually(t, func() bool {
		o, err := b.conn.Dynamic().Resource(jobs).Namespace(b.ns).Get(t.Context(), "task", metav1.GetOptions{})
		return err == nil && finished(o)
	}, 20*time.Second, 50*time.Millisecond)
}

func TestServiceBecomesHeadless(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, clusterIP)
	require.Equal(t, "replaced", b.one(Configured, headless).Message)
	b.one(Unchanged, headless)
	require.Equal(t, "replaced", b.one(Configured, clusterIP).Message)
	b.one(Configured, service)
}

func TestImmutableFieldsAreExplained(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	for name, tc := range map[string]struct{ manifest, from, to, text string }{
		"selector of a Deployment":   {deployment, "app: web", "app: other", `use another name, or name the node in "replace" of the run`},
		"templates of a StatefulSet": {stateful, "storage: 1Gi", "storage: 2Gi", "its claims stay"},
		"claim shrinks":              {claim, "1Gi", "500Mi", "holds 1Gi and cannot shrink to 500Mi"},
		"claim of another mode":      {claim, "ReadWriteOnce", "ReadWriteMany", "cannot be changed to [ReadWriteMany]"},
	} {
		b.apply("w1", tc.manifest)
		c := b.one(Failed, strings.ReplaceAll(tc.manifest, tc.from, tc.to))
		require.Contains(t, c.Message, tc.text, name)
		require.Contains(t, c.Message, b.ns, name)
	}
}
