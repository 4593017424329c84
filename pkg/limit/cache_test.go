package limit

import (
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCacheDropsTheLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	c := NewCache[int](100)
	for i, key := range []string{"a", "b", "c", "d"} {
		c.Put(key, i, 25)
	}
	_, ok := c.Get("a")
	require.True(t, ok)
	c.Put("e", 4, 25)
	for key, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true, "e": true} {
		_, ok := c.Get(key)
		require.Equal(t, want, ok, key)
	}
	c.Put("c", 5, 5)
	got, _ := c.Get("c")
	require.Equal(t, 5, got)
	require.Equal(t, 80, c.size)
	c.Put("c", 6, 26)
	_, ok = c.Get("c")
	require.False(t, ok, "a large value is not cached")
	require.Equal(t, 75, c.size)
}

func TestCacheConcurrently(t *testing.T) {
	t.Parallel()
	c := NewCache[int](100)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 500 {
				key := strconv.Itoa((n + i) % 9)
				c.Put(key, i, i%30)
				c.Get(key)
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, c.size, 100)
}
