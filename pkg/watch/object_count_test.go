package watch

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestEndlessPagesAreRefused(t *testing.T) {
	t.Parallel()
	var c objectCount
	page := &unstructured.UnstructuredList{Items: make([]unstructured.Unstructured, maxObjects/2)}
	for range 2 {
		require.NoError(t, c.addPage("", page), "a list of its own")
		require.NoError(t, c.addPage("x", page))
		require.ErrorContains(t, c.addPage("x", page), "more than 50000")
	}
}

func TestStoreIsBounded(t *testing.T) {
	t.Parallel()
	object := func(i int) metav1.Object {
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint(i)}}
	}
	s := newStore(Options[int]{Extract: func(metav1.Object) (string, int) { return "all", 0 }, Changed: func(string) {}})
	transform := s.Transformer()
	list := make([]any, maxObjects)
	for i := range list {
		var err error
		list[i], err = transform(object(i))
		require.NoError(t, err)
	}
	_, err := transform(object(maxObjects))
	require.Error(t, err)
	require.Error(t, s.Replace(list, ""), "it is not all there is")
	require.False(t, s.isSynced())

	s.Transformer()
	require.NoError(t, s.Replace(list, ""))
	require.Error(t, s.Add(object(maxObjects)))
	require.NoError(t, s.Add(object(1)), "it is known")
	require.NoError(t, s.Delete(object(2)))
	require.NoError(t, s.Add(object(maxObjects)))
	require.Equal(t, maxObjects, s.len())
}
