package run

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/services/kinds"
)

// connections is a user's only cluster.
type connections struct{ conn *kubernetes.Connection }

func (c connections) ConnectionTo(context.Context, models.ClusterGrant) (*kubernetes.Connection, error) {
	return c.conn, nil
}

// on makes the rig's executor work on a real cluster.
func (r *rig) on(cfg kubernetes.Config, limit time.Duration) {
	r.t.Helper()
	connector := kubernetes.NewConnector(kubernetes.Options{RequestTimeout: limit})
	r.t.Cleanup(connector.Close)
	conn, err := connector.Open(cfg)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { connector.Discard(conn) })
	r.exec.deps.Clusters = connections{conn}
	r.exec.target = r.exec.connect
}

func onDevCluster(t *testing.T) (r *rig, cluster *kubetest.Cluster, namespace string) {
	t.Helper()
	cluster = shared.Cluster(t)
	r = newRig(t)
	r.on(configFor(cluster), time.Minute)
	return r, cluster, cluster.Namespace(t)
}

func configFor(c *kubetest.Cluster) kubernetes.Config {
	return kubernetes.Config{AuthType: kubernetes.AuthKubeconfig, Kubeconfig: string(c.Kubeconfig())}
}

// drawIn stores a published workflow whose objects live in namespace.
func (r *rig) drawIn(namespace, text string) models.Workflow {
	r.t.Helper()
	w := r.draw(text)
	r.saveIn(namespace, w.ID, text)
	return w
}

func (r *rig) saveIn(namespace, id, text string) {
	r.t.Helper()
	g := drawing(text)
	for _, n := range g.Nodes {
		n.Data["namespace"] = namespace
	}
	_, err := r.workflows.Update(r.t.Context(), ann, id, models.WorkflowPatch{Nodes: &g.Nodes, Edges: &g.Edges}, models.Now())
	require.NoError(r.t, err)
}

// written returns when and how often each of a workflow's objects was written
// by us: a controller's status does not count.
func (r *rig) written(w models.Workflow) map[string]string {
	r.t.Helper()
	conn, err := r.exec.deps.Clusters.ConnectionTo(r.t.Context(), models.ClusterGrant{})
	require.NoError(r.t, err)
	list, err := applier.New(conn, applier.DefaultOptions(ownerLabels(w.ID))).
		ListOwned(r.t.Context(), builtinKinds(), applier.ListOptions{})
	require.NoError(r.t, err)
	versions := map[string]string{}
	for i := range list {
		o := &list[i]
		if metav1.GetControllerOf(o) != nil {
			continue
		}
		for _, f := range o.ManagedFields {
			if applier.IsManager("kubeorch", f.Manager) {
				versions[o.Kind+" "+o.Name] += fmt.Sprintln(o.UID, f.Manager, f.Time, f.FieldsV1)
			}
		}
	}
	return versions
}

const shop = `conf:configmap pw:secret data:persistentvolumeclaim db:statefulset web:deployment worker:daemonset
	svc:service in:ingress auto:hpa wall:networkpolicy tick:cronjob
	conf>web pw>web svc>web in>svc auto>web wall>web`

func TestDrawingBecomesObjects(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	w := r.drawIn(namespace, shop)
	typed := typedSecret("pw", "password", "first-value")
	typed.EnvVars = map[string]map[string]models.Secret{"web": {"TOKEN": models.NewSecret("token-value")}}
	run := r.mustRun(w.ID, typed)
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	first := r.written(w)
	require.Len(t, first, 13, "eleven nodes, the headless service and the Secret of the environment: %v", first)

	run = r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Equal(t, first, r.written(w), "a run without changes changes nothing")
	for id, s := range run.NodeStates {
		for _, c := range s.Result {
			require.Equal(t, "unchanged", c.Action, id)
		}
	}

	before := podAnnotations(t, cluster, namespace)
	require.NotEmpty(t, before[applier.RevisionAnnotation])
	r.mustRun(w.ID, typedSecret("pw", "password", "second-value"))
	after := podAnnotations(t, cluster, namespace)
	require.NotEqual(t, before, after, "a new value starts new pods")
	secret, err := cluster.Client().CoreV1().Secrets(namespace).Get(t.Context(), "web-env", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "token-value", string(secret.Data["TOKEN"]), "values of earlier runs stay")

	r.saveIn(namespace, w.ID, strings.ReplaceAll(shop, "svc:service", "svc=front:service"))
	run = r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	now := r.written(w)
	require.Contains(t, now, "Service front")
	require.NotContains(t, now, "Service svc")
	require.Len(t, now, len(first))

	warning := r.exec.TearDown(t.Context(), w, false)
	require.Contains(t, warning, "PersistentVolumeClaim "+namespace+"/data")
	require.Equal(t, []string{"PersistentVolumeClaim data"}, keys(r.written(w)))
}

func keys(m map[string]string) []string {
	var out []string
	for k := range maps.Keys(m) {
		out = append(out, k)
	}
	return out
}

func podAnnotations(t *testing.T, c *kubetest.Cluster, namespace string) map[string]string {
	t.Helper()
	d, err := c.Client().AppsV1().Deployments(namespace).Get(t.Context(), "web", metav1.GetOptions{})
	require.NoError(t, err)
	return d.Spec.Template.Annotations
}

func TestCustomResourceComesAndGoes(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	greetings := cluster.Dynamic().Resource(schema.GroupVersionResource{
		Group: "example.kubeorch.io", Version: "v1", Resource: "greetings",
	}).Namespace(namespace)
	names := func() (out []string) {
		list, err := greetings.List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		for _, o := range list.Items {
			out = append(out, o.GetName())
		}
		return out
	}
	w := r.drawIn(namespace, "hi:plugin conf:configmap")
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Equal(t, []string{"hi"}, names())
	run = r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, "unchanged", run.NodeStates["hi"].Result[0].Action)

	r.saveIn(namespace, w.ID, "hi=hello:plugin conf:configmap")
	r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, []string{"hello"}, names())
	require.Empty(t, r.exec.TearDown(t.Context(), w, false))
	require.Empty(t, names())
}

func TestValuesReachTheClusterOnly(t *testing.T) {
	t.Parallel()
	const canary = "canary-values-9f3b"
	r, cluster, namespace := onDevCluster(t)
	w := r.drawIn(namespace, "pw:secret web:deployment pw>web")
	typed := typedSecret("pw", "password", canary)
	typed.EnvVars = map[string]map[string]models.Secret{"web": {"TOKEN": models.NewSecret(canary)}}
	run := r.mustRun(w.ID, typed)
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	secret, err := cluster.Client().CoreV1().Secrets(namespace).Get(t.Context(), "pw", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, canary, string(secret.Data["password"]))
	require.NotContains(t, dump(t, run), canary)
	require.NotContains(t, r.stored(), canary)
}

func TestForeignObjectIsLeftAlone(t *testing.T) {
	t.Parallel()
	r, _, namespace := onDevCluster(t)
	mine := r.drawIn(namespace, "web:deployment")
	r.mustRun(mine.ID, models.TriggerData{})
	before := r.written(mine)

	theirs := r.drawIn(namespace, "web:deployment conf:configmap")
	run := r.mustRun(theirs.ID, models.TriggerData{})
	require.Equal(t, models.RunFailed, run.Status)
	require.Contains(t, run.Error, "belongs to another workflow")
	require.Equal(t, map[string]string{"web": "failed", "conf": "skipped"}, states(run), "nothing is written before that is known")
	require.Equal(t, before, r.written(mine))

	g := drawing("web:deployment")
	g.Nodes[0].Data["namespace"], g.Nodes[0].Data["adopt"] = namespace, true
	_, err := r.workflows.Update(t.Context(), ann, theirs.ID, models.WorkflowPatch{Nodes: &g.Nodes}, models.Now())
	require.NoError(t, err)
	run = r.mustRun(theirs.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
}

func TestCopyOfAnObjectIsNotOurs(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	w := r.drawIn(namespace, "conf:configmap")
	r.mustRun(w.ID, models.TriggerData{})
	configs := cluster.Client().CoreV1().ConfigMaps(namespace)
	made, err := configs.Get(t.Context(), "conf", metav1.GetOptions{})
	require.NoError(t, err)
	_, err = configs.Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "copy", Labels: made.Labels, Annotations: made.Annotations},
	}, metav1.CreateOptions{FieldManager: "kubectl"})
	require.NoError(t, err)
	r.mustRun(w.ID, models.TriggerData{})
	require.Empty(t, r.exec.TearDown(t.Context(), w, false))
	_, err = configs.Get(t.Context(), "copy", metav1.GetOptions{})
	require.NoError(t, err)
	_, err = configs.Get(t.Context(), "conf", metav1.GetOptions{})
	require.Error(t, err)
}

func TestMissingNamespaceIsMade(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	w := r.drawIn(namespace+"-new", "conf:configmap")
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := cluster.Client().CoreV1().Namespaces().Delete(ctx, namespace+"-new", metav1.DeleteOptions{}); err != nil {
			t.Errorf("delete the namespace: %v", err)
		}
	})
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Contains(t, strings.Join(run.Logs, "\n"), "created Namespace")
}

func TestClusterThatRefusesTheCredentials(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	r := newRig(t)
	r.on(kubernetes.Config{
		Server: cluster.Server(), AuthType: kubernetes.AuthToken, Token: "wrong-token-wrong", CAData: string(cluster.CA()),
	}, time.Minute)
	run := r.mustRun(r.draw("web:deployment").ID, models.TriggerData{})
	require.Equal(t, models.RunFailed, run.Status)
	require.Contains(t, run.Error, "does not accept the credentials")
	require.NotContains(t, dump(t, run), "wrong-token-wrong")
}

// A cluster that hangs, and one that dies, end a run in bounded time; the next
// run completes it.
func TestClusterThatStopsAnswering(t *testing.T) {
	t.Parallel()
	cluster := kubetest.NewPrivate(t)
	r := newRig(t)
	r.on(configFor(cluster.Cluster), 2*time.Second)
	w := r.draw("conf:configmap web:deployment conf>web")
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)

	r.save(w.ID, "conf:configmap more:configmap web:deployment conf>web")
	cluster.Pause(t)
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunFailed, run.Status)
	require.NotEmpty(t, run.Error)
	cluster.Resume(t)
	run = r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)

	cluster.Kill()
	run = r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunFailed, run.Status)
	require.NotEmpty(t, run.Error)
	cluster.Restart(t)
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
}

func TestFinishedJobRunsAgain(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	w := r.drawIn(namespace, "job:"+kinds.TypeJob)
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	jobs := cluster.Client().BatchV1().Jobs(namespace)
	var first string
	kubetest.Eventually(t, "the job to complete", func(ctx context.Context) error {
		job, err := jobs.Get(ctx, "job", metav1.GetOptions{})
		if err != nil {
			return err
		}
		first = string(job.UID)
		if job.Status.CompletionTime == nil {
			return context.DeadlineExceeded
		}
		return nil
	})
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	job, err := jobs.Get(t.Context(), "job", metav1.GetOptions{})
	require.NoError(t, err)
	require.NotEqual(t, first, string(job.UID))
}
