package diagnostics

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// metalLBKind is a definition with the names of MetalLB's own.
const metalLBKind = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: PLURAL.metallb.io}
spec:
  group: metallb.io
  scope: Namespaced
  names: {kind: KIND, listKind: KINDList, plural: PLURAL, singular: SINGULAR}
  versions:
  - name: v1beta1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              addresses: {type: array, items: {type: string}}
              ipAddressPools: {type: array, items: {type: string}}
`

// installMetalLB makes the kinds and the namespace that MetalLB has.
func installMetalLB(t *testing.T, c *kubetest.Cluster) {
	t.Helper()
	definitions := c.Dynamic().Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	for kind, plural := range map[string]string{"IPAddressPool": "ipaddresspools", "L2Advertisement": "l2advertisements"} {
		text := strings.NewReplacer("KIND", kind, "PLURAL", plural, "SINGULAR", strings.ToLower(kind)).Replace(metalLBKind)
		var u unstructured.Unstructured
		require.NoError(t, yaml.Unmarshal([]byte(text), &u.Object))
		_, err := definitions.Create(t.Context(), &u, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	_, err := c.Client().CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: metalLBNamespace}}, metav1.CreateOptions{})
	require.NoError(t, err)
	for _, plural := range []string{"ipaddresspools", "l2advertisements"} {
		kubetest.Eventually(t, plural, func(ctx context.Context) error {
			_, err := c.Dynamic().Resource(schema.GroupVersionResource{Group: "metallb.io", Version: "v1beta1", Resource: plural}).List(ctx, metav1.ListOptions{})
			return err
		})
	}
}

// setNodes gives the nodes internal addresses, and says in which cloud they are.
func setNodes(t *testing.T, c *kubetest.Cluster, addresses []string) {
	t.Helper()
	list, err := c.Client().CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for i, n := range list.Items {
		patch := fmt.Sprintf(`{"status":{"addresses":[{"type":"InternalIP","address":%q}]}}`, addresses[i])
		_, err := c.Client().CoreV1().Nodes().Patch(t.Context(), n.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
		require.NoError(t, err)
	}
}

// MetalLB without addresses gets a pool, of which nothing but the addresses can be
// chosen, and which can be taken back.
func TestPoolForMetalLB(t *testing.T) {
	t.Parallel()
	private := kubetest.NewPrivate(t, "--nodes=1")
	r := newRig(t, private.Cluster)
	w := r.run([]models.Node{r.node("svc", "service", "serviceType", "LoadBalancer")})
	c := checkOf(r.until(w, "svc", "loadbalancer-provisioned", "error", "no address"), "loadbalancer-provisioned")
	require.Equal(t, models.FixMetalLBPool, c.FixType)
	require.False(t, c.AutoFixable, "MetalLB is not there")
	_, err := r.Template(t.Context(), ann, w.ID, "svc", models.FixMetalLBPool)
	require.Equal(t, models.Invalid, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "not installed")

	installMetalLB(t, private.Cluster)
	setNodes(t, private.Cluster, []string{"192.168.7.105"})
	c = checkOf(r.until(w, "svc", "loadbalancer-provisioned", "error", "no pool"), "loadbalancer-provisioned")
	require.True(t, c.AutoFixable)
	text := r.template(w, "svc", models.FixMetalLBPool)
	require.Contains(t, text, "- 192.168.7.100-192.168.7.104\n  - 192.168.7.106-192.168.7.110\n", "without the address of the node")

	for name, addresses := range map[string]string{
		"another network": "10.0.0.1-10.0.0.9", "everything": "192.168.0.0/16", "the node": "192.168.7.1-192.168.7.200",
		"the broadcast address": "192.168.7.200-192.168.7.255", "nothing": "here", "IPv6": "fe80::1-fe80::9", "backwards": "192.168.7.9-192.168.7.1",
	} {
		_, err := r.fix(w, "svc", models.FixMetalLBPool, strings.Replace(text, "192.168.7.100-192.168.7.104", addresses, 1))
		require.Equal(t, models.Invalid, models.KindOf(err), name)
		require.Contains(t, models.MessageOf(err), "spec.addresses[0]", name)
	}
	poolAlone, _, _ := strings.Cut(text, "---")
	for name, hostile := range map[string]string{
		"another namespace": strings.ReplaceAll(text, metalLBNamespace, r.namespace),
		"kube-proxy":        text + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-proxy, namespace: kube-system}\n",
		"another pool":      strings.Replace(text, "  - kubeorch-pool", "  - other", 1),
		"no announcement":   poolAlone,
	} {
		_, err := r.fix(w, "svc", models.FixMetalLBPool, hostile)
		require.Equal(t, models.Invalid, models.KindOf(err), name)
	}

	r.share(models.ClusterEditor, r.namespace)
	_, err = r.fix(w, "svc", models.FixMetalLBPool, text)
	require.Equal(t, models.Forbidden, models.KindOf(err), "the share is for another namespace")
	r.share(models.ClusterViewer)
	_, err = r.fix(w, "svc", models.FixMetalLBPool, text)
	require.Equal(t, models.Forbidden, models.KindOf(err))
	r.share(models.ClusterEditor)

	res := r.mustFix(w, "svc", models.FixMetalLBPool, strings.Replace(text, "192.168.7.100-192.168.7.104", "192.168.7.32/28", 1))
	require.Contains(t, res.Result, "ipaddresspool metallb-system/kubeorch-pool created")
	pool := r.pool(t)
	addresses, _, err := unstructured.NestedStringSlice(pool.Object, "spec", "addresses")
	require.NoError(t, err)
	require.Equal(t, []string{"192.168.7.32/28", "192.168.7.106-192.168.7.110"}, addresses)
	require.Empty(t, pool.GetLabels()["kubeorch.io/workflow"], "it is no workflow's")
	c = checkOf(r.until(w, "svc", "loadbalancer-provisioned", "error", "no address"), "loadbalancer-provisioned")
	require.False(t, c.AutoFixable, "there is a pool")
	_, err = r.fix(w, "svc", models.FixMetalLBPool, text)
	require.Equal(t, models.Invalid, models.KindOf(err), "there is a pool")
	r.again(w)
	require.NotNil(t, r.pool(t), "a run leaves it")

	_, err = r.Undo(t.Context(), ann, w.ID, "svc")
	require.NoError(t, err)
	require.Nil(t, r.pool(t))
}

func (r *rig) pool(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	list, err := r.cluster.Dynamic().Resource(schema.GroupVersionResource{Group: "metallb.io", Version: "v1beta1", Resource: "ipaddresspools"}).
		Namespace(metalLBNamespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	if len(list.Items) == 0 {
		return nil
	}
	return &list.Items[0]
}

func TestOfferedRanges(t *testing.T) {
	t.Parallel()
	network := netip.MustParsePrefix("10.1.2.0/24")
	for taken, want := range map[string]string{
		"":                      "[10.1.2.100-10.1.2.110]",
		"10.1.2.4":              "[10.1.2.100-10.1.2.110]",
		"10.1.2.100":            "[10.1.2.101-10.1.2.110]",
		"10.1.2.110 10.1.2.101": "[10.1.2.100-10.1.2.100 10.1.2.102-10.1.2.109]",
		"10.1.3.105 10.1.2.105": "[10.1.2.100-10.1.2.104 10.1.2.106-10.1.2.110]",
	} {
		var all []netip.Addr
		for _, a := range strings.Fields(taken) {
			all = append(all, netip.MustParseAddr(a))
		}
		require.Equal(t, want, fmt.Sprint(offeredRanges(network, all)), taken)
	}
}
