package applier

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const emptySecret = `{apiVersion: v1, kind: Secret, metadata: {name: sec}, type: Opaque}`

func (b *fixture) values(values map[string]string, keys ...string) (Change, ValuesState) {
	return b.by("w1").ApplyValues(b.t.Context(), ValuesRequest{Object: b.object(emptySecret), Keys: keys, Values: values})
}

func (b *fixture) stored() map[string]string {
	b.t.Helper()
	s, err := b.conn.Typed().CoreV1().Secrets(b.ns).Get(b.t.Context(), "sec", metav1.GetOptions{})
	require.NoError(b.t, err)
	got := map[string]string{}
	for k, v := range s.Data {
		got[k] = string(v)
	}
	return got
}

func TestValuesAreMergedPerKey(t *testing.T) {
	t.Parallel()
	b := newFixture(t)

	c, state := b.values(nil, "a", "b")
	require.Equal(t, Skipped, c.Action, c.Message)
	require.False(t, state.Exists)
	require.Equal(t, []string{"a", "b"}, state.Missing)

	c, state = b.values(map[string]string{"a": "1", "other": "x"}, "a", "b")
	require.Equal(t, Created, c.Action, c.Message)
	require.Equal(t, []string{"a"}, state.Present)
	require.Equal(t, []string{"b"}, state.Missing)
	require.Equal(t, map[string]string{"a": "1"}, b.stored())
	first := state.Revision
	require.NotEmpty(t, first)

	c, state = b.values(nil, "a", "b")
	require.Equal(t, Unchanged, c.Action, c.Message)
	require.Equal(t, first, state.Revision)

	c, state = b.values(map[string]string{"a": "", "b": "2"}, "a", "b")
	require.Equal(t, Configured, c.Action, c.Message)
	require.Equal(t, map[string]string{"a": "1", "b": "2"}, b.stored())
	require.NotEqual(t, first, state.Revision)

	c, _ = b.values(nil, "b")
	require.Equal(t, Configured, c.Action, c.Message)
	require.Equal(t, map[string]string{"b": "2"}, b.stored())
}

func TestSameValueKeepsTheRevision(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	_, first := b.values(map[string]string{"a": "1"}, "a")
	c, again := b.values(map[string]string{"a": "1"}, "a")
	require.Equal(t, Unchanged, c.Action, c.Message)
	require.Equal(t, first.Revision, again.Revision)
}

// What is said of another owner's Secret does not depend on what it holds.
func TestForeignSecretIsNeitherReadNorWritten(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.kubectl(secret)
	answers := func(a *Applier, adopt bool, keys ...string) (texts []string) {
		for _, values := range []map[string]string{nil, {keys[0]: "typed"}} {
			c, state := a.ApplyValues(t.Context(), ValuesRequest{Object: b.object(secret), Keys: keys, Values: values, Adopt: adopt})
			require.Empty(t, state.Missing)
			require.Empty(t, state.Revision)
			texts = append(texts, string(c.Action)+" "+c.Message)
		}
		return texts
	}
	for _, adopt := range []bool{false, true} {
		has, hasNot := answers(b.byEditor("w1"), adopt, "a"), answers(b.byEditor("w1"), adopt, "b")
		require.Equal(t, has, hasNot)
		require.Contains(t, has[1], "belongs to kubectl")
	}
	require.Equal(t, map[string]string{"a": "a"}, b.stored())
}

func TestValuesStayOutOfErrors(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	const value = "hunter2-hunter2"
	c, _ := b.values(map[string]string{"no/slash/allowed": value}, "no/slash/allowed")
	require.Equal(t, Failed, c.Action)
	require.Contains(t, c.Message, "no/slash/allowed")
	require.NotContains(t, fmt.Sprintf("%+v %v", c, c.Err), value)
	req := ValuesRequest{Values: map[string]string{"a": value}}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", req, req, req), value)
}

// named applies a Secret of the owner's node, which takes over the values of a
// former one.
func (b *fixture) named(owner, node, name, typ string, values map[string]string, keys ...string) (Change, ValuesState, map[string]string) {
	b.t.Helper()
	marks := map[string]string{"node": node}
	o := b.object(emptySecret)
	o.SetName(name)
	o.SetLabels(marks)
	o.Object["type"] = typ
	c, state := b.by(owner).ApplyValues(b.t.Context(), ValuesRequest{Object: o, Keys: keys, Values: values, Former: marks})
	got := map[string]string{}
	if state.Exists {
		s, err := b.conn.Typed().CoreV1().Secrets(b.ns).Get(b.t.Context(), name, metav1.GetOptions{})
		require.NoError(b.t, err)
		for k, v := range s.Data {
			got[k] = string(v)
		}
	}
	return c, state, got
}

func TestRenamedSecretKeepsItsValues(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	const opaque = "Opaque"
	_, _, got := b.named("w1", "n", "old", opaque, map[string]string{"a": "1", "b": "2", "c": "3"}, "a", "b", "c")
	require.Len(t, got, 3)

	c, state, got := b.named("w1", "n", "new", opaque, map[string]string{"b": "typed"}, "a", "b")
	require.Equal(t, Created, c.Action, c.Message)
	require.Contains(t, c.Message, "former Secret old")
	require.Equal(t, map[string]string{"a": "1", "b": "typed"}, got, "typed ones win, those not listed any more are dropped")
	require.Empty(t, state.Missing)
	c, _, got = b.named("w1", "n", "newer", opaque, nil, "a", "b")
	require.Equal(t, Created, c.Action, "nothing needs to be typed")
	require.Equal(t, "1", got["a"])
	old, err := b.conn.Typed().CoreV1().Secrets(b.ns).Get(t.Context(), "old", metav1.GetOptions{})
	require.NoError(t, err)
	require.Len(t, old.Data, 3, "the former one is left as it is")
	require.NotContains(t, c.Message, "typed")
}

func TestFormerSecretsOfOthersAreNotRead(t *testing.T) {
	t.Parallel()
	const opaque = "Opaque"
	for name, tc := range map[string]struct{ owner, node, typ string }{
		"another workflow": {"w2", "n", opaque},
		"another node":     {"w1", "m", opaque},
		"another type":     {"w1", "n", "example.com/other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFixture(t)
			b.named("w1", "n", "old", opaque, map[string]string{"a": "1"}, "a")
			c, state, _ := b.named(tc.owner, tc.node, "new", tc.typ, nil, "a")
			require.Equal(t, Skipped, c.Action, c.Message)
			require.Equal(t, []string{"a"}, state.Missing)
			c, _, got := b.named(tc.owner, tc.node, "new", tc.typ, map[string]string{"b": "2"}, "a", "b")
			require.Equal(t, Created, c.Action, c.Message)
			require.Equal(t, map[string]string{"b": "2"}, got)
		})
	}
}

func TestCopyOfAFormerSecretIsNotRead(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	o := b.object(secret)
	o.SetName("copy")
	o.SetLabels(map[string]string{"node": "n", "managed-by": "kubeorch", "kubeorch.io/workflow": "w1"})
	_, err := b.conn.Dynamic().Resource(secrets).Namespace(b.ns).Create(t.Context(), o, metav1.CreateOptions{FieldManager: "kubectl-create"})
	require.NoError(t, err)
	c, _, _ := b.named("w1", "n", "new", "Opaque", nil, "a")
	require.Equal(t, Skipped, c.Action, c.Message)
}
