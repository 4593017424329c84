package kinds

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apitypes "k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/pkg/validator"
)

var shared kubetest.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(shared.Main(m)) }

// TestClusterTakesFixtures asks a real API server, with strict validation,
// whether it would take what each drawing renders to. Custom resources need
// their definitions and are tried elsewhere.
func TestClusterTakesFixtures(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	kinds := allKinds(t)
	for _, fx := range fixtures(t) {
		if strings.HasPrefix(fx.Scenario, "bad-") || fx.Kind == TypePlugin {
			continue
		}
		t.Run(fx.Kind+"/"+fx.Scenario, func(t *testing.T) {
			t.Parallel()
			kind, _ := kinds.Lookup(fx.Kind)
			require.NoError(t, dryRun(t, cluster, namespace, kind, fx.subject(t)))
		})
	}
}

// TestClusterTakesWhatCheckAllows: no hostile text that a check lets through
// is refused by a real API server, or changed by it.
func TestClusterTakesWhatCheckAllows(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	kinds := allKinds(t)
	for _, fx := range fixtures(t) {
		if fx.Scenario != "all-fields" || fx.Kind == TypePlugin {
			continue
		}
		t.Run(fx.Kind, func(t *testing.T) {
			t.Parallel()
			kind, _ := kinds.Lookup(fx.Kind)
			n := fx.subject(t)
			for _, s := range spots(n) {
				for name, text := range hostileTexts() {
					if len(text) > 1<<10 && fx.Kind != TypeConfigMap {
						continue // slow, and the same everywhere
					}
					undo := s.put(text)
					if utf8.ValidString(text) && len(kind.Check(n)) == 0 {
						require.NoError(t, dryRun(t, cluster, namespace, kind, n), "%s in %s", name, strings.Join(s.path, "."))
					}
					undo()
				}
			}
		})
	}
}

// dryRun returns the API server's objection to n's objects.
func dryRun(t *testing.T, c *kubetest.Cluster, namespace string, kind Kind, n *Node) error {
	t.Helper()
	objs, err := kind.Render(n)
	require.NoError(t, err)
	if v, ok := kind.(Valued); ok {
		if vs := v.Values(n); vs != nil && vs.Object.GetName() != n.Name {
			objs = append(objs, vs.Object)
		}
	}
	return tryObjects(t, c, namespace, objs)
}

// tryObjects returns the API server's objection to objects.
func tryObjects(t *testing.T, c *kubetest.Cluster, namespace string, objs []*unstructured.Unstructured) error {
	t.Helper()
	for _, o := range objs {
		o.SetNamespace(namespace)
		withRequiredKeys(t, o)
		body, err := applier.Body(o)
		require.NoError(t, err)
		resource, _ := meta.UnsafeGuessKindToResource(o.GroupVersionKind())
		got, err := c.Dynamic().Resource(resource).Namespace(namespace).Patch(t.Context(), o.GetName(), apitypes.ApplyPatchType, body,
			metav1.PatchOptions{FieldManager: "kubeorch", FieldValidation: metav1.FieldValidationStrict, DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		if o.GetKind() == "ConfigMap" {
			require.Equal(t, o.Object["data"], got.Object["data"])
		}
		for k, v := range o.GetAnnotations() {
			require.Equal(t, v, got.GetAnnotations()[k])
		}
	}
	return nil
}

// withRequiredKeys gives a Secret the keys of its type, which are typed at
// run time.
func withRequiredKeys(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	if o.GetKind() != "Secret" {
		return
	}
	typ, _, err := unstructured.NestedString(o.Object, "type")
	require.NoError(t, err)
	data := map[string]any{}
	for _, k := range validator.SecretKeys(typ) {
		data[k] = "{}"
	}
	o.Object["stringData"] = data
}
