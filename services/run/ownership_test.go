package run

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// as gives the rig's user a role on the cluster.
func (r *rig) as(role string, namespaces ...string) {
	r.access = func() (models.ClusterGrant, error) {
		g := member(namespaces...)
		g.Role = role
		return g, nil
	}
}

// adopting stores a published workflow whose nodes say adopt: true.
func (r *rig) adopting(namespace, text string) models.Workflow {
	r.t.Helper()
	w := r.drawIn(namespace, text)
	g := drawing(text)
	for _, n := range g.Nodes {
		n.Data["namespace"], n.Data["adopt"] = namespace, true
	}
	_, err := r.workflows.Update(r.t.Context(), ann, w.ID, models.WorkflowPatch{Nodes: &g.Nodes}, models.Now())
	require.NoError(r.t, err)
	return w
}

// withKubectl creates a ConfigMap conf, a Secret pw and a claim data.
func withKubectl(t testing.TB, cluster *kubetest.Cluster, namespace string) {
	t.Helper()
	core, o := cluster.Client().CoreV1(), metav1.CreateOptions{FieldManager: "kubectl-create"}
	_, err := core.ConfigMaps(namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "conf"}, Data: map[string]string{"theirs": "1"},
	}, o)
	require.NoError(t, err)
	_, err = core.Secrets(namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "pw"}, Data: map[string][]byte{"theirs": []byte("1")},
	}, o)
	require.NoError(t, err)
}

// marks returns how the two objects are labelled and what they hold.
func marks(t *testing.T, cluster *kubetest.Cluster, namespace string) (labels []map[string]string, keys []string) {
	t.Helper()
	core := cluster.Client().CoreV1()
	conf, err := core.ConfigMaps(namespace).Get(t.Context(), "conf", metav1.GetOptions{})
	require.NoError(t, err)
	pw, err := core.Secrets(namespace).Get(t.Context(), "pw", metav1.GetOptions{})
	require.NoError(t, err)
	for key := range conf.Data {
		keys = append(keys, "conf/"+key)
	}
	for key := range pw.Data {
		keys = append(keys, "pw/"+key)
	}
	slices.Sort(keys)
	return []map[string]string{conf.Labels, pw.Labels}, keys
}

// An editor adopts nothing: neither what another workflow made nor what the
// owner of the cluster made without us, and neither with nor without values.
func TestEditorAdoptsNothing(t *testing.T) {
	t.Parallel()
	for name, others := range map[string]func(*rig, *kubetest.Cluster, string){
		"another sharer's": func(r *rig, _ *kubetest.Cluster, namespace string) {
			w := r.drawIn(namespace, "conf:configmap pw:secret")
			run := r.mustRun(w.ID, typedSecret("pw", "password", "first-value"))
			require.Equal(r.t, models.RunCompleted, run.Status, run.Error)
		},
		"made with kubectl": func(r *rig, cluster *kubetest.Cluster, namespace string) { withKubectl(r.t, cluster, namespace) },
	} {
		for _, namespaced := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r, cluster, namespace := onDevCluster(t)
				others(r, cluster, namespace)
				labels, keys := marks(t, cluster, namespace)
				r.as(models.ClusterEditor)
				if namespaced {
					r.as(models.ClusterEditor, namespace)
				}
				w := r.adopting(namespace, "conf:configmap pw:secret")
				for _, typed := range []models.TriggerData{{}, typedSecret("pw", "password", "taken-over")} {
					run := r.mustRun(w.ID, typed)
					require.Equal(t, models.RunFailed, run.Status)
					require.True(t, run.Conflict)
					require.Equal(t, map[string]string{"conf": "failed", "pw": "failed"}, states(run))
					require.Contains(t, run.Error, "rename the node or choose another namespace")
					require.NotContains(t, run.Error, "adopt: true")
				}
				r.exec.TearDown(t.Context(), w, true)
				gotLabels, gotKeys := marks(t, cluster, namespace)
				require.Equal(t, labels, gotLabels)
				require.Equal(t, keys, gotKeys)
			})
		}
	}
}

func TestAdoptedObjectsAreReleased(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*rig, string, models.Workflow){
		"when they leave the drawing": func(r *rig, namespace string, w models.Workflow) {
			r.saveIn(namespace, w.ID, "other:configmap")
			run := r.mustRun(w.ID, models.TriggerData{})
			require.Equal(r.t, models.RunCompleted, run.Status, run.Error)
			require.Contains(r.t, strings.Join(run.Logs, "\n"), "released")
		},
		"when the workflow is archived": func(r *rig, _ string, w models.Workflow) {
			require.Empty(r.t, r.exec.TearDown(r.t.Context(), w, false))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, cluster, namespace := onDevCluster(t)
			withKubectl(t, cluster, namespace)
			r.as(models.ClusterAdmin)
			w := r.adopting(namespace, "conf:configmap pw:secret")
			run := r.mustRun(w.ID, typedSecret("pw", "password", "value"))
			require.Equal(t, models.RunCompleted, run.Status, run.Error)
			leave(r, namespace, w)
			labels, keys := marks(t, cluster, namespace)
			require.Equal(t, []map[string]string{nil, nil}, labels)
			require.Subset(t, keys, []string{"conf/theirs", "pw/password", "pw/theirs"})
		})
	}
}

func TestAdoptedObjectsAreDeletedOnRequest(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	withKubectl(t, cluster, namespace)
	w := r.adopting(namespace, "conf:configmap")
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	require.Empty(t, r.exec.TearDown(t.Context(), w, true))
	_, err := cluster.Client().CoreV1().ConfigMaps(namespace).Get(t.Context(), "conf", metav1.GetOptions{})
	require.Error(t, err)
}

// Of two workflows that make the same names at the same moment, each object has
// one maker, and a run that did not make all of its own says so.
func TestTwoWorkflowsOfTheSameNames(t *testing.T) {
	t.Parallel()
	r, _, namespace := onDevCluster(t)
	const text = "a:configmap b:configmap c:configmap d:configmap e:configmap"
	drawn := []models.Workflow{r.drawIn(namespace, text), r.drawIn(namespace, text)}
	runs := make([]models.Run, len(drawn))
	var group sync.WaitGroup
	for i, w := range drawn {
		group.Go(func() { runs[i], _ = r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{}) })
	}
	group.Wait()
	for _, node := range strings.Fields("a b c d e") {
		won := []string{runs[0].NodeStates[node].Status, runs[1].NodeStates[node].Status}
		require.ElementsMatch(t, []string{models.NodeCompleted, models.NodeFailed}, won, node)
	}
}

// standing is the state of an account.
type standing struct{ lost *atomic.Bool }

func (s standing) Require(context.Context, string, string) error {
	if s.lost.Load() {
		return &models.Error{Kind: models.Forbidden, Msg: "the account is disabled"}
	}
	return nil
}

// A run ends before its next object when its account has been disabled, in the
// middle of a wave as well.
func TestAccountThatEndsEndsTheRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var lost atomic.Bool
	r.exec.deps.Accounts, r.exec.accessTTL = standing{&lost}, 0
	r.cluster.apply = func(ctx context.Context, object string) error {
		if object == "b" {
			lost.Store(true)
		}
		return ctx.Err()
	}
	w := r.draw("a:configmap b:configmap c:configmap d:configmap")
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunFailed, run.Status)
	require.Equal(t, string(endStarter), run.Error)
	require.Equal(t, "ConfigMap a, ConfigMap b", r.cluster.names())
	require.Equal(t, models.NodeSkipped, run.NodeStates["c"].Status)

	// Nothing of it is removed or written later on.
	run = r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunFailed, run.Status)
	require.Contains(t, run.Error, "the account is disabled")
	require.NotEmpty(t, r.exec.TearDown(t.Context(), w, false))
	require.Equal(t, "ConfigMap a, ConfigMap b", r.cluster.names())
}
