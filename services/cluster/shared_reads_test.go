package cluster

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// Calls during a read share one that begins after them.
func TestWaitingCallsShareTheNextRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reads sharedReads
		var count atomic.Int64
		release := make(chan struct{})
		read := func(context.Context) ([]byte, error) {
			n := count.Add(1)
			<-release
			return []byte(strconv.FormatInt(n, 10)), nil
		}
		var all sync.WaitGroup
		call := func(want string) {
			all.Go(func() {
				got, err := reads.do(t.Context(), "ann", read)
				require.NoError(t, err)
				require.Equal(t, want, string(got))
			})
		}
		call("1")
		synctest.Wait()
		for range 50 {
			call("2")
		}
		synctest.Wait()
		require.EqualValues(t, 1, count.Load(), "the next read waits")
		release <- struct{}{}
		synctest.Wait()
		require.EqualValues(t, 2, count.Load())
		call("3")
		synctest.Wait()
		close(release)
		all.Wait()
		require.EqualValues(t, 3, count.Load())
		require.Empty(t, reads.reading)
	})
}

func TestSharedReadsFailAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reads sharedReads
		_, err := reads.do(t.Context(), "ann", func(context.Context) ([]byte, error) { panic("a bad record") })
		require.ErrorContains(t, err, "a bad record")
		failed := errors.New("the database is away")
		_, err = reads.do(t.Context(), "ann", func(context.Context) ([]byte, error) { return nil, failed })
		require.ErrorIs(t, err, failed)

		// Who leaves takes the read from nobody.
		leaving, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		read := func(ctx context.Context) ([]byte, error) {
			<-release
			return []byte("x"), ctx.Err()
		}
		var all sync.WaitGroup
		all.Go(func() {
			_, err := reads.do(leaving, "ann", read)
			require.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		cancel()
		all.Go(func() {
			got, err := reads.do(t.Context(), "ann", read)
			require.NoError(t, err)
			require.Equal(t, "x", string(got))
		})
		synctest.Wait()
		close(release)
		all.Wait()
	})
}
