package applier

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// restricted returns an applier that is restricted to some namespaces.
func (b *fixture) restricted(namespaces ...string) *Applier {
	a := b.by("w1")
	a.opts.Namespaces = namespaces
	return a
}

func TestRestrictionKeepsObjectsOutside(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	a := b.restricted("another", "more")
	made := b.one(Created, configMap)

	changes := a.Apply(t.Context(), []Request{{Object: b.object(configMap)}}, nil)
	require.Equal(t, Failed, changes[0].Action)
	require.Equal(t, "ConfigMap "+b.ns+"/cm may not be touched; only objects in namespace another or more may", changes[0].Message)
	require.Equal(t, Failed, a.Delete(t.Context(), []Ref{made.Ref}, DeleteOptions{})[0].Action)
	values, _ := a.ApplyValues(t.Context(), ValuesRequest{Object: b.object(emptySecret), Keys: []string{"k"}, Values: map[string]string{"k": "v"}})
	require.Equal(t, Failed, values.Action)
	b.one(Unchanged, configMap)

	inside := b.restricted("another", b.ns)
	require.Equal(t, Unchanged, inside.Apply(t.Context(), []Request{{Object: b.object(configMap)}}, nil)[0].Action)
	require.Equal(t, Deleted, inside.Delete(t.Context(), []Ref{made.Ref}, DeleteOptions{})[0].Action)
}

// A cluster-scoped object that names a namespace is refused as well.
func TestRestrictionRefusesClusterScopedObjects(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	role := b.object(`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: ` + b.ns + `}, rules: []}`)
	unknown := &unstructured.Unstructured{}
	unknown.SetGroupVersionKind(schema.GroupVersionKind{Group: "none.example.org", Version: "v1", Kind: "None"})
	a := b.restricted(b.ns)
	refusals := a.Refusals(t.Context(), []*unstructured.Unstructured{role, b.object(configMap), unknown})
	require.ErrorContains(t, refusals[0], "belongs to no namespace")
	require.NoError(t, refusals[1])
	require.NoError(t, refusals[2], "its scope is unknown")
	require.Equal(t, Failed, a.Apply(t.Context(), []Request{{Object: role}}, nil)[0].Action)
	_, err := b.conn.Typed().RbacV1().ClusterRoles().Get(t.Context(), b.ns, metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err))
	require.NoError(t, b.by("w1").Refusals(t.Context(), []*unstructured.Unstructured{role})[0], "there is no restriction")
}

func TestRestrictionCreatesNoNamespaces(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	changes := b.restricted(b.ns, b.ns+"-new").EnsureNamespaces(t.Context(), []string{b.ns, b.ns + "-new", "kube-system"}, nil)
	require.Equal(t, []Action{Failed, Unchanged, Failed}, []Action{changes[0].Action, changes[1].Action, changes[2].Action})
	require.Contains(t, changes[2].Message, "may not be created")
	require.Contains(t, changes[0].Message, "out of bounds")
	_, err := b.conn.Typed().CoreV1().Namespaces().Get(t.Context(), b.ns+"-new", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err))
}

func TestKnownOwnersAreKept(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, configMap)
	other := b.by("w2")
	other.opts.KeepOwners = true
	adopt := []Request{{Object: b.object(configMap), Adopt: true}}
	refused := other.Apply(t.Context(), adopt, nil)[0]
	require.Equal(t, Failed, refused.Action)
	require.Contains(t, refused.Message, "belongs to another workflow")
	other.opts.KeepOwners = false
	require.Equal(t, Configured, other.Apply(t.Context(), adopt, nil)[0].Action)
}
