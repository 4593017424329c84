package diagnostics

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/services/kinds"
)

func failing(how string) map[string]any { return map[string]any{"devcluster.kubeorch.io/fail": how} }

func evidenceOf(d models.Diagnosis, check string) (texts []string) {
	for _, f := range d.Findings {
		for _, e := range f.Evidence {
			if f.Check == check {
				texts = append(texts, e.Source+" "+e.Text)
			}
		}
	}
	return texts
}

// What goes wrong in a real cluster is found, with what the cluster says of it.
func TestTroubleIsFound(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.run([]models.Node{
		r.node("pull", "deployment", "image", "nginx:none", "podAnnotations", failing("image-pull")),
		r.node("crash", "statefulset", "podAnnotations", failing("crash-loop")),
		r.node("memory", "daemonset", "podAnnotations", failing("oom"), "resources", map[string]any{"limits": map[string]any{"memory": "32Mi"}}),
		r.node("huge", "deployment", "resources", map[string]any{"requests": map[string]any{"memory": "900Ti"}}),
		r.node("job", "job", "backoffLimit", 0, "podAnnotations", failing("job-fail")),
		r.node("fine", "deployment", "port", 8080),
		r.node("in", "ingress", "ingressClassName", "traefik", "tlsEnabled", true, "tlsSecretName", "no-cert", "host", "a.example.org",
			"paths", []any{map[string]any{"id": "p", "path": "/", "pathType": "Prefix", "serviceName": "nobody", "servicePort": 80}}),
		r.node("wall", "networkpolicy", "podSelector", map[string]any{"app": "nobody"}),
		r.node("disk", "persistentvolumeclaim", "storage", "1Gi", "storageClassName", "no-such-class"),
		r.node("auto", "hpa", "minReplicas", 1, "maxReplicas", 3, "targetCPUUtilization", 80, "scaleTargetName", "nobody"),
		r.node("conf", "configmap", "data", map[string]any{"a": "b"}),
	})
	d := r.until(w, "pull", "image-pull", "error", `no tag "none"`)
	require.NotEmpty(t, evidenceOf(d, "image-pull"))
	require.Equal(t, "Deployment", d.Findings[0].Parent.Kind)
	require.Equal(t, "Pod", d.Findings[0].Object.Kind)
	d = r.until(w, "crash", "crash-loop", "error", "exit code 1")
	require.Contains(t, evidenceOf(d, "crash-loop"), "log panic: the devcluster let this container crash")
	r.until(w, "memory", "out-of-memory", "error", "limit of 32Mi")
	d = r.until(w, "huge", "scheduling", "error", "Insufficient memory")
	require.Contains(t, fmt.Sprint(evidenceOf(d, "scheduling")), "and the pod requests 900Ti")
	r.until(w, "job", "job", "error", "failed pods")
	d = r.until(w, "fine", "scheduling", "pass", "")
	require.Empty(t, d.Findings, "%+v", d.Findings)
	r.until(w, "in", "ingress-class", "error", "traefik")
	require.Equal(t, "error", r.check(w, "in", "ingress-backend").Status)
	require.Contains(t, r.check(w, "in", "ingress-certificate").Message, "no-cert")
	r.until(w, "wall", "policy-match", "warning", "app=nobody")
	r.until(w, "disk", "claim-bound", "error", "no-such-class")
	r.until(w, "auto", "autoscaler-target", "error", "nobody")
	require.Equal(t, "healthy", r.until(w, "conf", "configmap-exists", "pass", "").OverallStatus)
}

func TestQuotaIsFound(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	_, err := r.cluster.Client().CoreV1().ResourceQuotas(r.namespace).Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "small"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"pods": resource.MustParse("1")}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	w := r.run([]models.Node{r.node("web", "deployment", "replicas", 3), r.node("set", "statefulset", "replicas", 3)})
	d := r.until(w, "web", "quota", "error", "exceeded quota: small")
	require.Contains(t, fmt.Sprint(evidenceOf(d, "quota")), "1 of 1 pods are used")
	r.until(w, "set", "quota", "error", "exceeded quota: small")
}

func TestServiceIsMissing(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.draw([]models.Node{r.node("svc", "service"), r.node("new", "service", "name", "")})
	for _, id := range []string{"svc", "new"} {
		d, err := r.Diagnose(t.Context(), ann, w.ID, id)
		require.NoError(t, err)
		require.Len(t, d.Checks, 1)
		require.Equal(t, "service-exists", d.Checks[0].Name)
		require.Equal(t, "error", d.OverallStatus)
	}
}

// Of a namespace with many events, those of the node's objects are read.
func TestManyEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	const others = 5000
	events := r.cluster.Client().CoreV1().Events(r.namespace)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range others / 8 {
				_, err := events.Create(t.Context(), &corev1.Event{
					ObjectMeta:     metav1.ObjectMeta{Name: fmt.Sprintf("noise-%d-%d", worker, i)},
					InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: r.namespace, Name: "noise", UID: "noise"},
					Type:           corev1.EventTypeWarning, Reason: "Unhealthy", Message: "Readiness probe failed: noise",
				}, metav1.CreateOptions{})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	w := r.run([]models.Node{r.node("pull", "deployment", "podAnnotations", failing("image-pull"))})
	d := r.until(w, "pull", "image-pull", "error", "")
	require.NotContains(t, fmt.Sprint(d), "noise")
	require.Empty(t, d.Notes)
}

func TestWhoMayDiagnose(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.run([]models.Node{r.node("huge", "deployment", "resources", map[string]any{"requests": map[string]any{"memory": "900Ti"}}), r.node("svc", "service")})
	for what, ids := range map[string][3]string{
		"another owner": {"bbbbbbbbbbbbbbbbbbbbbbbb", w.ID, "huge"}, "no workflow": {ann, models.NewID(), "huge"}, "no node": {ann, w.ID, "gone"},
	} {
		_, err := r.Diagnose(t.Context(), ids[0], ids[1], ids[2])
		require.Equal(t, models.NotFound, models.KindOf(err), what)
		_, err = r.Template(t.Context(), ids[0], ids[1], ids[2], models.FixPort)
		require.Equal(t, models.NotFound, models.KindOf(err), what)
		_, err = r.Undo(t.Context(), ids[0], ids[1], ids[2])
		require.Equal(t, models.NotFound, models.KindOf(err), what)
	}
	d := r.until(w, "huge", "scheduling", "error", "")
	require.Contains(t, fmt.Sprint(evidenceOf(d, "scheduling")), "node ")

	r.share(models.ClusterViewer, r.namespace)
	d = r.until(w, "huge", "scheduling", "error", "")
	require.NotContains(t, fmt.Sprint(evidenceOf(d, "scheduling")), "node kwok", "the nodes are not theirs to see")
	_, err := r.Fix(t.Context(), ann, w.ID, "svc", models.FixRequest{FixType: models.FixPort, YAML: r.template(w, "svc", models.FixPort), Mode: models.FixAuto})
	require.Equal(t, models.Forbidden, models.KindOf(err))

	r.share(models.ClusterEditor, "elsewhere")
	_, err = r.Diagnose(t.Context(), ann, w.ID, "huge")
	require.Equal(t, models.Forbidden, models.KindOf(err))
}

func (r *rig) template(w models.Workflow, node, fixType string) string {
	r.t.Helper()
	tmpl, err := r.Template(r.t.Context(), ann, w.ID, node, fixType)
	require.NoError(r.t, err)
	return tmpl.YAML
}

func TestClusterIsAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.draw([]models.Node{r.node("web", "deployment"), r.node("svc", "service"), r.node("plug", "plugin")})
	_, err := r.Diagnose(t.Context(), ann, w.ID, "plug")
	require.Equal(t, models.Invalid, models.KindOf(err))
	r.connect(kubernetes.Config{AuthType: kubernetes.AuthToken, Server: "https://127.0.0.1:1", Token: "abc", CAData: string(r.cluster.CA())})
	_, err = r.Diagnose(t.Context(), ann, w.ID, "web")
	require.Equal(t, models.Failed, models.KindOf(err), "%v", err)
	require.NotContains(t, models.MessageOf(err), "internal")
	_, err = r.Template(t.Context(), ann, w.ID, "svc", models.FixPort)
	require.Equal(t, models.Failed, models.KindOf(err), "%v", err)
}

// Callers at once share a diagnosis, and an account has only so many.
func TestDiagnosesAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	nodes := []models.Node{}
	for i := range perAccount + 1 {
		nodes = append(nodes, r.node(fmt.Sprintf("web-%d", i), "configmap"))
	}
	w := r.draw(nodes)
	asked := make(chan struct{}, 100)
	release := make(chan struct{})
	connect := r.deps.Connect
	r.deps.Connect = func(ctx context.Context, g models.ClusterGrant) (cluster, error) {
		asked <- struct{}{}
		<-release
		return connect(ctx, g)
	}
	var all sync.WaitGroup
	diagnose := func(node string) {
		all.Go(func() {
			if _, err := r.Diagnose(t.Context(), ann, w.ID, node); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range perAccount {
		diagnose(nodes[i].ID)
		<-asked
	}
	_, err := r.Diagnose(t.Context(), ann, w.ID, nodes[perAccount].ID)
	require.Equal(t, models.TooMany, models.KindOf(err))
	left, leave := context.WithCancel(t.Context())
	leave()
	_, err = r.Diagnose(left, ann, w.ID, nodes[0].ID)
	require.Error(t, err, "who leaves does not wait")
	diagnose(nodes[0].ID) // joins the first, and needs no slot
	close(release)
	all.Wait()
	kubetest.Eventually(t, "a free slot", func(ctx context.Context) error {
		_, err := r.Diagnose(ctx, ann, w.ID, nodes[perAccount].ID)
		return err
	})
}

// What the credentials may not read is left out, and said so.
func TestPartsThatAreForbidden(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.run([]models.Node{r.node("web", "deployment", "podAnnotations", failing("crash-loop"))})
	r.until(w, "web", "crash-loop", "error", "")
	connect := r.deps.Connect
	r.deps.Connect = func(ctx context.Context, g models.ClusterGrant) (cluster, error) {
		c, err := connect(ctx, g)
		return partlyForbidden{c}, err
	}
	d, err := r.Diagnose(t.Context(), ann, w.ID, "web")
	require.NoError(t, err)
	require.Equal(t, "error", checkOf(d, "crash-loop").Status)
	require.Contains(t, fmt.Sprint(d.Notes), "events could not be read")
	require.Equal(t, kinds.TypeDeployment, d.NodeType)
	require.WithinDuration(t, time.Now(), d.Timestamp, time.Hour)
}

// partlyForbidden is a cluster whose credentials may not read events.
type partlyForbidden struct{ cluster }

func (c partlyForbidden) Read(ctx context.Context, r kubernetes.ReadRequest) ([]unstructured.Unstructured, bool, error) {
	if r.Kind.Kind == "Event" {
		return nil, false, &kubernetes.Error{Reason: kubernetes.Forbidden, Message: "the cluster does not permit this"}
	}
	return c.cluster.Read(ctx, r)
}
