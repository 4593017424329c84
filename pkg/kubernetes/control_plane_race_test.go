package kubernetes

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// A change that another client makes between reading and writing a node is kept.
func TestTaintsThatChangeMeanwhile(t *testing.T) {
	t.Parallel()
	plane := corev1.Taint{Key: controlPlane, Effect: corev1.TaintEffectNoSchedule}
	theirs := corev1.Taint{Key: "theirs", Effect: corev1.TaintEffectNoExecute}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "plane", ResourceVersion: "1"}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{plane}}}
	nodes := schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	client := fake.NewClientset(node.DeepCopy())
	patches := 0
	client.PrependReactor("patch", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
		if patches++; patches > 1 {
			return false, nil, nil
		}
		now := node.DeepCopy()
		now.ResourceVersion, now.Spec.Taints = "2", []corev1.Taint{plane, theirs}
		require.NoError(t, client.Tracker().Update(nodes, now, ""))
		return true, nil, apierrors.NewConflict(nodes.GroupResource(), "plane", nil)
	})
	c := &Connection{typed: client}
	done, err := c.changeTaints(t.Context(), node, removeTaints)
	require.NoError(t, err)
	require.True(t, done)
	require.Equal(t, 2, patches)
	now, err := client.CoreV1().Nodes().Get(t.Context(), "plane", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, []corev1.Taint{theirs}, now.Spec.Taints)
	require.Equal(t, []corev1.Taint{plane}, recordedTaints(now))

	require.NoError(t, client.Tracker().Delete(nodes, "", "plane"))
	done, err = c.changeTaints(t.Context(), now.DeepCopy(), func(*corev1.Node) ([]corev1.Taint, []corev1.Taint, bool) { return nil, nil, true })
	require.NoError(t, err, "the node has been deleted")
	require.False(t, done)
}
