package podlog

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// liveRig is a manager with a real cluster.
type liveRig struct {
	*Manager
	cluster   *kubetest.Cluster
	namespace string
	resources *fakeResources
}

func newLiveRig(t *testing.T) *liveRig {
	t.Helper()
	r := &liveRig{cluster: shared.Cluster(t), resources: &fakeResources{all: map[string]models.Resource{}, pods: map[string][]models.Resource{}}}
	r.namespace = r.cluster.Namespace(t)
	connector := kubernetes.NewConnector(kubernetes.Options{})
	conn, err := connector.Open(kubernetes.Config{AuthType: kubernetes.AuthKubeconfig, Kubeconfig: string(r.cluster.Kubeconfig())})
	require.NoError(t, err)
	t.Cleanup(func() { connector.Discard(conn); connector.Close() })
	r.Manager = manager(t, r.resources, func(context.Context, string) (podCluster, error) { return conn, nil })
	return r
}

// deploy runs replicas of a pod that fails in the given way, or not at all.
func (r *liveRig) deploy(t *testing.T, failure string, replicas int32) string {
	t.Helper()
	labels, annotations := map[string]string{"app": "web"}, map[string]string{}
	if failure != "" {
		annotations["devcluster.kubeorch.io/fail"] = failure
	}
	_, err := r.cluster.Client().AppsV1().Deployments(r.namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: annotations},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "a:1"}, {Name: "proxy", Image: "p:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return r.add("Deployment", "web")
}

func (r *liveRig) add(kind, name string) string {
	id := r.resources.add(kind, name)
	r.resources.mu.Lock()
	defer r.resources.mu.Unlock()
	object := r.resources.all[id]
	object.Namespace = r.namespace
	r.resources.all[id] = object
	return id
}

// pods waits for pods that are ready and makes them those of a workload.
func (r *liveRig) pods(t *testing.T, workload string, n int, ready func(corev1.Pod) bool) []corev1.Pod {
	t.Helper()
	var found []corev1.Pod
	kubetest.Eventually(t, "pods", func(ctx context.Context) error {
		list, err := r.cluster.Client().CoreV1().Pods(r.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		found = nil
		for _, p := range list.Items {
			if p.DeletionTimestamp == nil && ready(p) {
				found = append(found, p)
			}
		}
		if len(found) != n {
			return fmt.Errorf("%d of %d pods are ready", len(found), n)
		}
		return nil
	})
	r.resources.mu.Lock()
	defer r.resources.mu.Unlock()
	r.resources.pods[workload] = nil
	for _, p := range found {
		r.resources.pods[workload] = append(r.resources.pods[workload], models.Resource{
			ResourceRef:   models.ResourceRef{Kind: kindPod, Namespace: r.namespace, Name: p.Name},
			ResourceState: models.ResourceState{UID: string(p.UID)},
		})
	}
	return found
}

func running(p corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning }

// consecutive requires that messages are numbered lines without gap or duplicate.
func consecutive(t *testing.T, messages []string) {
	t.Helper()
	for i, m := range messages[1:] {
		before, err := strconv.Atoi(strings.TrimPrefix(messages[i], "line "))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("line %d", before+1), m)
	}
}

func TestLogsOfARealCluster(t *testing.T) {
	t.Parallel()
	r := newLiveRig(t)
	workload := r.deploy(t, "", 2)
	pods := r.pods(t, workload, 2, running)
	id := r.add("Pod", pods[0].Name)

	v := watch(t, r.Manager, id, models.LogQuery{Follow: true, Tail: 10})
	consecutive(t, v.lines(13))
	second := watch(t, r.Manager, id, models.LogQuery{Follow: true, SinceSeconds: 5})
	consecutive(t, second.lines(8))
	require.Equal(t, 1, r.Followed())
	logs := v.frames
	again := watch(t, r.Manager, id, models.LogQuery{Follow: true, LastEventID: logs[11].id})
	require.Equal(t, messages(logs[12:]), again.lines(len(logs) - 12)[:len(logs)-12])
	proxy := watch(t, r.Manager, id, models.LogQuery{Container: "proxy"})
	require.Equal(t, "these are all lines", proxy.ended())

	all := watch(t, r.Manager, workload, models.LogQuery{Follow: true, AllContainers: true, Tail: 50})
	all.until("lines of all", func(f []frame) bool {
		seen := map[string]bool{}
		for _, m := range messages(f) {
			label, _, _ := strings.Cut(m, "] ")
			seen[label] = true
		}
		return len(seen) == 4 && len(messages(f)) > 60
	})
	require.Contains(t, strings.Join(messages(all.frames), "\n"), "["+pods[1].Name+"/proxy] line")

	// The pod of a Deployment is replaced by one of another name.
	err := r.cluster.Client().CoreV1().Pods(r.namespace).Delete(t.Context(), pods[0].Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
	require.NoError(t, err)
	require.Equal(t, "the log has ended", v.ended())
	consecutive(t, messages(v.frames))
	for _, p := range r.pods(t, workload, 2, running) {
		if p.Name != pods[1].Name {
			all.until("the new pod", func(f []frame) bool {
				return strings.Contains(strings.Join(messages(f), "\n"), "["+p.Name+"/app] line")
			})
		}
	}
	_, err = r.Open(t.Context(), ann, id, models.LogQuery{})
	require.Equal(t, models.NotFound, models.KindOf(err))
}

func TestTheLogBeforeARestartInARealCluster(t *testing.T) {
	t.Parallel()
	r := newLiveRig(t)
	workload := r.deploy(t, "crash-loop", 1)
	pods := r.pods(t, workload, 1, func(p corev1.Pod) bool {
		return len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].LastTerminationState.Terminated != nil
	})
	v := watch(t, r.Manager, r.add("Pod", pods[0].Name), models.LogQuery{Previous: true})
	require.Equal(t, "these are all lines", v.ended())
	require.Equal(t, []string{"starting", "panic: the devcluster let this container crash"}, messages(v.frames))
	require.Contains(t, file(t, r.Manager, r.add("Pod", pods[0].Name), models.LogQuery{Previous: true}, 0), " starting\n")
}
