package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// This file and users_policy_test.go hold troubles that users of deployment
// tools report again and again, one test for each.

// holdback is a finalizer that no controller removes.
const holdback = "example.org/held"

// withCluster makes an account that has the shared cluster.
func withCluster(t *testing.T) (*person, *kubetest.Cluster) {
	t.Helper()
	cluster, ann := shared.Cluster(t), newPerson(t, "ann")
	ann.addCluster(t, cluster)
	return ann, cluster
}

// A namespace that somebody deletes, and that is slow to go, blocks a workflow
// until it has gone, and no longer.
func TestNamespaceBeingDeleted(t *testing.T) {
	t.Parallel()
	ann, cluster := withCluster(t)
	name := unusedNamespace(t, cluster)
	spaces := cluster.Client().CoreV1().Namespaces()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{holdback}}}
	_, err := spaces.Create(t.Context(), ns, metav1.CreateOptions{})
	require.NoError(t, err)
	id := ann.draw(t, conf(name, "conf"), edges())
	ann.run(t, id, nil)

	require.NoError(t, spaces.Delete(t.Context(), name, metav1.DeleteOptions{}))
	kubetest.Eventually(t, "the end of the objects", func(context.Context) error {
		if n := countConfigMaps(t, cluster, id); n > 0 {
			return fmt.Errorf("%d are there", n)
		}
		return nil
	})
	require.Contains(t, ann.runFails(t, id)["error"], "Namespace "+name+" is being deleted")
	kubetest.Eventually(t, "the end of the namespace", func(ctx context.Context) error {
		ns, err := spaces.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err == nil {
			ns.Spec.Finalizers = nil
			_, err = spaces.Finalize(ctx, ns, metav1.UpdateOptions{})
		}
		return fmt.Errorf("it is there: %w", err)
	})
	ann.run(t, id, nil)
	require.Equal(t, 1, countConfigMaps(t, cluster, id))
}

// A claim that cannot be changed as drawn is refused before anything is written.
// Its size in other words is no change.
func TestClaimThatCannotGrow(t *testing.T) {
	t.Parallel()
	ann, cluster := withCluster(t)
	namespace := cluster.Namespace(t)
	classes := cluster.Client().StorageV1().StorageClasses()
	standard, err := classes.Get(t.Context(), "standard", metav1.GetOptions{})
	require.NoError(t, err)
	rigid := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Provisioner: standard.Provisioner}
	_, err = classes.Create(t.Context(), rigid, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = classes.Delete(context.WithoutCancel(t.Context()), namespace, metav1.DeleteOptions{}) })
	drawing := func(size string) []object {
		return []object{node("data", "persistentvolumeclaim", namespace, "data", "storage", size, "storageClassName", namespace)}
	}
	id := ann.draw(t, drawing("1Gi"), edges())
	watched := ann.streamStatus(t, id)
	ann.run(t, id, nil)
	watched.untilStates(t, map[string]string{"data": "Bound"})
	before := objects(t, cluster, namespace, id)["PersistentVolumeClaim data"]

	for size, says := range map[string]string{"2Gi": "the storageclass that provisions the pvc must support resize", "512Mi": "cannot shrink"} {
		ann.save(t, id, append(drawing(size), conf(namespace, "conf")...), edges())
		failed := ann.runFails(t, id)
		require.Contains(t, failed["error"], says)
		require.Contains(t, failed["error"], "another name")
		require.Zero(t, countConfigMaps(t, cluster, id), "nothing is written")
	}
	ann.save(t, id, drawing("1024Mi"), edges())
	ann.run(t, id, nil)
	after := objects(t, cluster, namespace, id)["PersistentVolumeClaim data"]
	require.Equal(t, before.GetResourceVersion(), after.GetResourceVersion())
}

// A Job that still runs is left alone by a run without changes. A changed one
// takes its place, and never runs beside it.
func TestJobThatChangesWhileItRuns(t *testing.T) {
	t.Parallel()
	ann, cluster := withCluster(t)
	namespace := cluster.Namespace(t)
	drawing := func(image string) []object {
		return []object{node("job", "job", namespace, "job", "image", image, "podAnnotations", failingPods("pending"))}
	}
	id := ann.draw(t, drawing("busybox:1"), edges())
	watched := ann.streamStatus(t, id)
	uid := func() types.UID {
		ann.run(t, id, nil)
		job := objects(t, cluster, namespace, id)["Job job"]
		return job.GetUID()
	}
	first := uid()
	watched.untilStates(t, map[string]string{"job": "running pending"})
	require.Equal(t, first, uid())
	ann.save(t, id, drawing("busybox:2"), edges())
	require.NotEqual(t, first, uid())
	kubetest.Eventually(t, "the pod of the new Job", func(ctx context.Context) error {
		pods, err := cluster.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil || len(pods.Items) != 1 || pods.Items[0].Spec.Containers[0].Image != "busybox:2" {
			return fmt.Errorf("there are %d pods, %w", len(pods.Items), err)
		}
		return nil
	})
}

// A ConfigMap may be larger than the annotations of an object: none repeats it.
func TestLargeConfigMap(t *testing.T) {
	t.Parallel()
	ann, cluster := withCluster(t)
	namespace := cluster.Namespace(t)
	text := strings.Repeat("x", 1<<19)
	id := ann.draw(t, []object{node("conf", "configmap", namespace, "conf", "data", object{"text": text})}, edges())
	ann.run(t, id, nil)
	before := objects(t, cluster, namespace, id)["ConfigMap conf"]
	ann.run(t, id, nil)
	after := objects(t, cluster, namespace, id)["ConfigMap conf"]
	require.Equal(t, before.GetResourceVersion(), after.GetResourceVersion())
	require.Equal(t, text, after.Object["data"].(object)["text"])
}

// A name whose former object a finalizer holds is waited for: what is written
// to the old object would go with it.
func TestNameHeldByAFinalizer(t *testing.T) {
	t.Parallel()
	ann, cluster := withCluster(t)
	namespace := cluster.Namespace(t)
	id := ann.draw(t, conf(namespace, "held", "other"), edges())
	ann.run(t, id, nil)
	maps := cluster.Client().CoreV1().ConfigMaps(namespace)
	finalizers := func(list string) {
		patch := []byte(`{"metadata":{"finalizers":` + list + `}}`)
		_, err := maps.Patch(t.Context(), "held", types.MergePatchType, patch, metav1.PatchOptions{})
		require.NoError(t, err)
	}
	finalizers(`["` + holdback + `"]`)
	old, err := maps.Get(t.Context(), "held", metav1.GetOptions{})
	require.NoError(t, err)

	ann.save(t, id, conf(namespace, "other"), edges())
	ann.run(t, id, nil)
	ann.save(t, id, conf(namespace, "held", "other"), edges())
	ann.startRun(t, id)
	runID := ann.awaitRunning(t, id)
	finalizers(`null`)
	require.Equal(t, "completed", ann.awaitEnd(t, id, runID)["status"])
	made, err := maps.Get(t.Context(), "held", metav1.GetOptions{})
	require.NoError(t, err)
	require.NotEqual(t, old.UID, made.UID)
}

// What cannot be changed in place is refused with advice, before anything is
// written, and the old drawing can still be run.
func TestUnchangeableParts(t *testing.T) {
	t.Parallel()
	ann, cluster := withCluster(t)
	namespace := cluster.Namespace(t)
	drawing := func(value, size string) []object {
		claim := object{"name": "data", "storage": size}
		return []object{
			node("conf", "configmap", namespace, "conf", "data", object{"a": value}, "immutable", true),
			node("db", "statefulset", namespace, "db", "image", "redis", "volumeClaimTemplates", []object{claim}),
		}
	}
	id := ann.draw(t, drawing("1", "1Gi"), edges())
	ann.run(t, id, nil)
	for _, changed := range [][]object{drawing("2", "1Gi"), drawing("1", "2Gi")} {
		ann.save(t, id, append(changed, node("more", "configmap", namespace, "more", "data", object{"a": "b"})), edges())
		failed := ann.runFails(t, id)
		require.Contains(t, failed["error"], "use another name")
		require.Equal(t, 1, countConfigMaps(t, cluster, id), "nothing is half applied")
	}
	ann.save(t, id, drawing("1", "1Gi"), edges())
	ann.run(t, id, nil)
}
