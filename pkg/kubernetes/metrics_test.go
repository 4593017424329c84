package kubernetes_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	authv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// burner creates a running pod that uses 450m of CPU.
func burner(t *testing.T, c *kubetest.Cluster, namespace string) {
	t.Helper()
	_, err := c.Client().CoreV1().Pods(namespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "burner", Annotations: map[string]string{"devcluster.kubeorch.io/cpu": "450m"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "c"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// holdLease renews the lease of the scheduler, which a single scheduler does not
// have.
func holdLease(t *testing.T, c *kubetest.Cluster) {
	t.Helper()
	holder, lasts, at := "another", int32(15), metav1.NowMicro()
	leases := c.Client().CoordinationV1().Leases(metav1.NamespaceSystem)
	_, err := leases.Create(t.Context(), &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: "kube-scheduler"},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &lasts, RenewTime: &at},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = leases.Delete(context.WithoutCancel(t.Context()), "kube-scheduler", metav1.DeleteOptions{})
	})
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	burner(t, c, c.Namespace(t))
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "measured-"},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:               corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("3Gi")},
			AccessModes:            []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/measured"}},
			StorageClassName:       "unused",
		},
	}
	volume, err := c.Client().CoreV1().PersistentVolumes().Create(t.Context(), volume, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = c.Client().CoreV1().PersistentVolumes().Delete(context.WithoutCancel(t.Context()), volume.Name, metav1.DeleteOptions{})
	})

	holdLease(t, c)

	conn := admin(t)
	kubetest.Eventually(t, "the usage of the pod", func(ctx context.Context) error {
		m, err := conn.Measure(ctx)
		if err != nil {
			return err
		}
		if !m.HasUsage || m.CPU.Used < 450 || m.StorageCapacity < 3<<30 {
			return fmt.Errorf("measured %+v", m)
		}
		return nil
	})
	m, err := conn.Measure(t.Context())
	require.NoError(t, err)
	require.Positive(t, m.Nodes)
	require.Positive(t, m.Pods)
	require.Greater(t, m.CPU.Capacity, m.CPU.Used)
	require.Greater(t, m.Memory.Capacity, m.Memory.Used)
	require.Equal(t, []kubernetes.Component{
		{Name: "API Server", Status: kubernetes.Healthy}, {Name: "Scheduler", Status: kubernetes.Healthy},
		{Name: "Controller", Status: kubernetes.UnknownHealth, Message: "the cluster does not say how it is doing"}, {Name: "etcd", Status: kubernetes.Healthy},
	}, m.Health)
}

// For credentials without any rights, Measure succeeds and returns nothing.
func TestMeasureWithoutRights(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	token, err := c.Client().CoreV1().ServiceAccounts(c.Namespace(t)).CreateToken(t.Context(), "default", &authv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	m, err := dial(t, kubernetes.Config{
		Server: c.Server(), AuthType: kubernetes.AuthToken, Token: token.Status.Token, CAData: string(c.CA()),
	}).Measure(t.Context())
	require.NoError(t, err)
	require.Zero(t, m.CPU)
	require.Zero(t, m.Nodes)
	require.Zero(t, m.Pods)
	require.False(t, m.HasUsage)
	require.Equal(t, kubernetes.UnknownHealth, m.Health[1].Status)
	require.Equal(t, kubernetes.UnknownHealth, m.Health[2].Status)

	_, err = dial(t, kubernetes.Config{Server: c.Server(), AuthType: kubernetes.AuthToken, Token: "no", CAData: string(c.CA())}).Measure(t.Context())
	require.Equal(t, kubernetes.Unauthorized, kubernetes.ReasonOf(err))
}
