package app

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWriteProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		full, writes := errors.New("full"), 0
		var outcome error
		p := newWriteProbe(func(ctx context.Context, _ time.Time) error {
			writes++
			time.Sleep(time.Second)
			return errors.Join(outcome, ctx.Err())
		}, time.Now)
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				if err := p.ready(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		require.Equal(t, 1, writes)

		outcome = full
		time.Sleep(probeAge)
		require.ErrorIs(t, p.ready(t.Context()), full)
		outcome = nil
		require.ErrorIs(t, p.ready(t.Context()), full, "not asked again so soon")
		time.Sleep(probeAge)
		require.NoError(t, p.ready(t.Context()))

		time.Sleep(probeAge)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, p.ready(ctx))
		require.NoError(t, p.ready(t.Context()), "the one who gave up has tried nothing")
	})
}
