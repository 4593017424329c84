package workflow

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestDocumentCache(t *testing.T) {
	t.Parallel()
	c := newDocumentCache(1000)
	doc := func(size int) models.WorkflowDocument { return models.WorkflowDocument{Body: make([]byte, size)} }
	c.put("w", 2, doc(100))
	got, ok := c.get("w", 2)
	require.True(t, ok)
	require.Len(t, got.Body, 100)
	_, ok = c.get("w", 3)
	require.False(t, ok, "it has changed since")
	c.put("w", 1, doc(50))
	_, ok = c.get("w", 2)
	require.True(t, ok, "an older document does not replace a newer one")
	c.put("w", 3, doc(300))
	_, ok = c.get("w", 3)
	require.False(t, ok, "it would take too much of the cache")

	for i := range 100 {
		c.put(strconv.Itoa(i), 1, doc(100))
	}
	size := 0
	for i := range 100 {
		d, _ := c.get(strconv.Itoa(i), 1)
		size += len(d.Body)
	}
	require.LessOrEqual(t, size, 1000)
	require.Positive(t, size)
}
