package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// failing makes the cluster's pods fail in a certain way.
const failing = "devcluster.kubeorch.io/fail"

func failingPods(how string) object { return object{failing: how} }

// pullFailure returns when a pod of an app first told that its image cannot be
// pulled, as the cluster itself has it.
func pullFailure(t *testing.T, c *kubetest.Cluster, namespace, app string) <-chan time.Time {
	t.Helper()
	w, err := c.Client().CoreV1().Pods(namespace).Watch(t.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
	require.NoError(t, err)
	t.Cleanup(w.Stop)
	seen := make(chan time.Time, 1)
	go func() {
		for ev := range w.ResultChan() {
			if pod, ok := ev.Object.(*corev1.Pod); ok && cannotPull(pod) {
				seen <- time.Now()
				return
			}
		}
	}()
	return seen
}

func cannotPull(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
		return s.State.Waiting != nil && slices.Contains([]string{"ErrImagePull", "ImagePullBackOff"}, s.State.Waiting.Reason)
	})
}

func TestUnhappyPods(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	nodes := []object{
		node("pull", "deployment", namespace, "pull", "image", "nginx:none", "podAnnotations", failingPods("image-pull")),
		node("crash", "deployment", namespace, "crash", "image", "nginx", "podAnnotations", failingPods("crash-loop")),
		node("memory", "daemonset", namespace, "memory", "image", "nginx", "podAnnotations", failingPods("oom")),
		node("huge", "deployment", namespace, "huge", "image", "nginx", "resources", object{"requests": object{"memory": "900Ti"}}),
		node("job", "job", namespace, "job", "image", "nginx", "backoffLimit", 0, "podAnnotations", failingPods("job-fail")),
		node("fine", "deployment", namespace, "fine", "image", "nginx"),
	}
	id := ann.draw(t, nodes, edges())
	watched := ann.streamStatus(t, id)
	reported := pullFailure(t, cluster, namespace, "pull")
	ann.run(t, id, nil)

	shown := watched.untilMessage(t, "pull", "ImagePullBackOff")
	took := shown.Sub(<-reported)
	t.Logf("ImagePullBackOff was in the stream %d ms after the pod reported it", took.Milliseconds())
	require.Less(t, took, 5*time.Second)
	watched.untilMessage(t, "crash", "CrashLoopBackOff")
	watched.untilMessage(t, "memory", "OOMKilled")
	watched.untilMessage(t, "huge", "Unschedulable")
	watched.untilStates(t, map[string]string{
		"pull": "error", "crash": "error", "memory": "error", "huge": "error", "job": "failed", "fine": "healthy",
	})

	for _, n := range nodes {
		delete(n["data"].(object), "podAnnotations")
		delete(n["data"].(object), "resources")
	}
	ann.save(t, id, nodes, edges())
	ann.run(t, id, nil)
	want := map[string]string{
		"pull": "healthy", "crash": "healthy", "memory": "healthy", "huge": "healthy", "job": "completed", "fine": "healthy",
	}
	watched.untilStates(t, want)
	for id, status := range ann.statuses(t, id) {
		require.NotContains(t, fmt.Sprint(status["message"]), "BackOff", id)
	}
}

// A pod that waits to be started is nobody's fault yet.
func TestWaitingPods(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	id := ann.draw(t, []object{
		node("n1", "deployment", namespace, "slow", "image", "nginx", "replicas", 2, "podAnnotations", failingPods("pending")),
		node("n2", "deployment", namespace, "none", "image", "nginx", "replicas", 0),
		node("n3", "job", namespace, "job", "image", "nginx", "podAnnotations", failingPods("pending")),
		node("n4", "cronjob", namespace, "idle", "image", "nginx", "schedule", "0 0 1 1 *", "suspend", true),
	}, edges())
	watched := ann.streamStatus(t, id)
	ann.run(t, id, nil)
	watched.untilStates(t, map[string]string{"n1": "partial", "n2": "healthy", "n3": "running pending", "n4": "suspended"})
	for _, text := range []string{"BackOff", "Error", "error"} {
		require.NotContains(t, watched.of("n1")["message"], text)
	}
}
