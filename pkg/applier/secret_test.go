package applier

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const emptySecret = `{apiVersion: v1, kind: Secret, metadata: {name: sec}, type: Opaque}`

func (b *bench) values(values map[string]string, keys ...string) (Change, ValuesState) {
	return b.by("w1").ApplyValues(b.t.Context(), ValuesRequest{Object: b.object(emptySecret), Keys: keys, Values: values})
}

func (b *bench) stored() map[string]string {
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
	b := newBench(t)

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
	b := newBench(t)
	_, first := b.values(map[string]string{"a": "1"}, "a")
	c, again := b.values(map[string]string{"a": "1"}, "a")
	require.Equal(t, Unchanged, c.Action, c.Message)
	require.Equal(t, first.Revision, again.Revision)
}

func TestForeignSecretIsReadButNotWritten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	o := b.object(secret)
	_, err := b.conn.Dynamic().Resource(secrets).Namespace(b.ns).Create(t.Context(), o, metav1.CreateOptions{FieldManager: "kubectl-create"})
	require.NoError(t, err)

	c, state := b.values(nil, "a", "b")
	require.Equal(t, Unchanged, c.Action, c.Message)
	require.True(t, state.Exists)
	require.Equal(t, []string{"b"}, state.Missing)

	c, _ = b.values(map[string]string{"b": "2"}, "a", "b")
	require.Equal(t, Failed, c.Action)
	require.Contains(t, c.Message, "belongs to kubectl")
	require.Equal(t, map[string]string{"a": "a"}, b.stored())
}

func TestValuesStayOutOfErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const value = "hunter2-hunter2"
	c, _ := b.values(map[string]string{"no/slash/allowed": value}, "no/slash/allowed")
	require.Equal(t, Failed, c.Action)
	require.Contains(t, c.Message, "no/slash/allowed")
	require.NotContains(t, fmt.Sprintf("%+v %v", c, c.Err), value)
	req := ValuesRequest{Values: map[string]string{"a": value}}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", req, req, req), value)
}
