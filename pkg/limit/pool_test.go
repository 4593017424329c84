package limit

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPool(t *testing.T) {
	t.Parallel()
	p := NewPool[string](10, 6)
	take := func(n int64, keys ...string) string {
		switch ok, own := p.Take(n, keys...); {
		case ok:
			return "taken"
		case own:
			return "share"
		}
		return "total"
	}
	require.Equal(t, "taken", take(4, "client a", "account a"))
	require.Equal(t, "share", take(3, "client b", "account a"), "of any of the keys")
	require.Equal(t, "taken", take(6, "client b", "account b"), "a refusal takes nothing")
	require.Equal(t, "total", take(1, "client c"))
	p.Give(6, "client b", "account b")
	require.Equal(t, "taken", take(6, "client b", "account b"))
	p.Give(6, "client b", "account b")
	p.Give(4, "client a", "account a")
	require.Empty(t, p.byKey, "keys without anything are forgotten")
	require.Zero(t, p.used)
}

func TestPoolNeverExceedsItsTotal(t *testing.T) {
	t.Parallel()
	const total = 8
	p := NewPool[int](total, total)
	var used, highest atomic.Int64
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for range 200 {
				if ok, _ := p.Take(3, i); ok {
					highest.Store(max(highest.Load(), used.Add(3)))
					used.Add(-3)
					p.Give(3, i)
				}
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, highest.Load(), int64(total))
	require.Empty(t, p.byKey)
}

// begin lets work begin in the background; the result says when it may.
func begin(q *Queue[string], key string, n int64) (begun *atomic.Bool, end func()) {
	begun, finish := &atomic.Bool{}, make(chan struct{})
	go func() {
		done, err := q.Begin(context.Background(), key, n)
		if err != nil {
			return
		}
		begun.Store(true)
		<-finish
		done()
	}()
	synctest.Wait()
	return begun, func() { close(finish); synctest.Wait() }
}

func TestQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue[string](10, 6)
		first, endFirst := begin(q, "ann", 100)
		require.True(t, first.Load(), "above the share, yet alone")
		second, endSecond := begin(q, "ann", 1)
		require.False(t, second.Load(), "the share is in use")
		other, endOther := begin(q, "bob", 4)
		require.True(t, other.Load(), "what waits for its own share is in nobody's way")
		third, endThird := begin(q, "carl", 1)
		require.False(t, third.Load(), "the total is in use")
		endFirst()
		require.True(t, second.Load() && third.Load())

		full, endFull := begin(q, "ann", 5)
		require.False(t, full.Load(), "1 of ann, 4 of bob and 1 of carl go on")
		endOther()
		require.True(t, full.Load())
		for _, end := range []func(){endSecond, endThird, endFull} {
			end()
		}
		require.Empty(t, q.byKey)
		require.True(t, q.total.TryAcquire(10), "everything is given back")
	})
}

func TestQueueGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue[string](10, 6)
		_, endShare := begin(q, "ann", 6)
		_, endTotal := begin(q, "bob", 4)
		for _, key := range []string{"ann", "carl"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := q.Begin(ctx, key, 2)
			require.ErrorIs(t, err, context.DeadlineExceeded, key)
			cancel()
		}
		endShare()
		endTotal()
		require.Empty(t, q.byKey)
		require.True(t, q.total.TryAcquire(10))
	})
}
