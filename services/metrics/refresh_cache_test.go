package metrics

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestCacheBuildsAKeyOnceForAllCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var built atomic.Int32
		k := newRefreshCache(30*time.Second, 10*time.Second, time.Minute, func(_ context.Context, key string) (string, error) {
			time.Sleep(time.Second)
			return strings.Repeat(key, int(built.Add(1))), nil
		})
		_, _, err := k.get(t.Context(), "a")
		require.Equal(t, models.Unavailable, models.KindOf(err), "not started")
		ctx, cancel := context.WithCancel(t.Context())
		k.start(ctx)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if v, _, err := k.get(t.Context(), "a"); v != "a" || err != nil {
					t.Errorf("%q %v", v, err)
				}
			})
		}
		all.Wait()
		time.Sleep(28 * time.Second)
		v, at, err := k.get(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, "a", v)
		require.Equal(t, 28*time.Second, time.Since(at))
		time.Sleep(2 * time.Second)

		hurry, late := context.WithTimeout(t.Context(), time.Millisecond)
		defer late()
		_, _, err = k.get(hurry, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		v, _, ok := k.last("a")
		require.True(t, ok)
		require.Equal(t, "a", v)
		v, _, err = k.get(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, "aa", v, "the making goes on when those who asked are gone")

		k.forget(time.Now().Add(-time.Second))
		_, _, ok = k.last("a")
		require.True(t, ok, "it was asked for just now")
		k.forget(time.Now().Add(time.Second))
		_, _, ok = k.last("a")
		require.False(t, ok)
		cancel()
		k.wait()
		_, _, err = k.get(t.Context(), "a")
		require.Equal(t, models.Unavailable, models.KindOf(err))
	})
}

func TestCacheRemembersFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		k := newRefreshCache(30*time.Second, 10*time.Second, time.Second, func(ctx context.Context, key string) (int, error) {
			switch tries.Add(1); key {
			case "panics":
				panic("oh")
			case "hangs":
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return 0, errors.New("no")
		})
		k.start(t.Context())
		for range 5 {
			_, _, err := k.get(t.Context(), "fails")
			require.EqualError(t, err, "no")
		}
		require.EqualValues(t, 1, tries.Load(), "a failure is told again")
		time.Sleep(10 * time.Second)
		_, _, err := k.get(t.Context(), "fails")
		require.Error(t, err)
		require.EqualValues(t, 2, tries.Load())
		_, _, err = k.get(t.Context(), "panics")
		require.ErrorContains(t, err, "panic: oh")
		_, _, err = k.get(t.Context(), "hangs")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, _, ok := k.last("fails")
		require.False(t, ok)
		k.wait()
	})
}
