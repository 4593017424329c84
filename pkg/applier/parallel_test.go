package applier

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// An applier with a connection that was never opened panics at its first request.
func TestPanicFailsTheObjectOnly(t *testing.T) {
	t.Parallel()
	opts := DefaultOptions(map[string]string{"a": "b"})
	causes := make(chan error, 8)
	opts.OnPanic = func(cause error) { causes <- cause }
	a := New(&kubernetes.Connection{}, opts)
	b := fixture{t: t}
	o := b.object(secret)
	for name, work := range map[string]func() []Change{
		"apply":      func() []Change { return a.Apply(t.Context(), []Request{{Object: o}}, nil) },
		"delete":     func() []Change { return a.Delete(t.Context(), []Ref{RefOf(o)}, DeleteOptions{}) },
		"namespaces": func() []Change { return a.EnsureNamespaces(t.Context(), []string{"n"}, nil) },
		"list": func() []Change {
			_, err := a.ListOwned(t.Context(), []schema.GroupVersionKind{o.GroupVersionKind()}, ListOptions{})
			require.Error(t, err)
			return []Change{failed(RefOf(o), err)}
		},
	} {
		changes := work()
		require.Len(t, changes, 1, name)
		require.Equal(t, Failed, changes[0].Action, name)
		require.Contains(t, changes[0].Message, "fault in the server", name)
		require.NotContains(t, changes[0].Message, "goroutine", name)
		require.ErrorContains(t, <-causes, "nil pointer", name)
	}
}

func TestPanicOfTheReporterIsAFailure(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	changes := b.by("w1").Apply(t.Context(), []Request{{Object: b.object(secret)}}, func(int, Change) { panic("boom") })
	require.Equal(t, Failed, changes[0].Action)
	require.Contains(t, changes[0].Message, "fault in the server")
}
