package workflow

import (
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func document(size int) models.WorkflowDocument {
	return models.WorkflowDocument{Body: make([]byte, size)}
}

func TestDocumentCacheDropsTheLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	c := newDocumentCache(100)
	for _, id := range []string{"a", "b", "c", "d"} {
		c.put(id, 1, document(25))
	}
	_, ok := c.get("a", 1)
	require.True(t, ok)
	c.put("e", 1, document(25))
	for id, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true, "e": true} {
		_, ok := c.get(id, 1)
		require.Equal(t, want, ok, id)
	}
	c.put("c", 2, document(5))
	_, ok = c.get("c", 1)
	require.False(t, ok, "another state of the workflow is cached")
	require.Equal(t, 80, c.size)
	c.put("c", 3, document(26))
	_, ok = c.get("c", 3)
	require.False(t, ok, "a large document is not cached")
	require.Equal(t, 75, c.size)
}

func TestDocumentCacheConcurrently(t *testing.T) {
	t.Parallel()
	c := newDocumentCache(100)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 500 {
				id := strconv.Itoa((n + i) % 9)
				c.put(id, int64(i), document(i%30))
				c.get(id, int64(i))
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, c.size, 100)
}
