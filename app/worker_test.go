package app

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestWorkerLivesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := worker{run: func(ctx context.Context) error { <-ctx.Done(); return nil }}
		require.NoError(t, w.stop(t.Context()), "it was never started")
		ctx, cancel := context.WithCancel(t.Context())
		w.start(ctx)
		cancel()
		synctest.Wait()
		require.NoError(t, w.alive(t.Context()), "the order of stopping ends it and nothing else")
		require.NoError(t, w.stop(t.Context()))
		require.Error(t, w.alive(t.Context()))
	})
}

func TestWorkerThatPanicsIsNotAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := worker{run: func(context.Context) error { panic("spoilt") }}
		w.start(t.Context())
		synctest.Wait()
		require.ErrorContains(t, w.alive(t.Context()), "spoilt")
		require.ErrorContains(t, w.stop(t.Context()), "spoilt")
	})
}

func TestWorkerThatDoesNotEndIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := worker{run: func(context.Context) error { <-release; return nil }}
		w.start(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, w.stop(ctx), context.Canceled)
		close(release)
		synctest.Wait()
	})
}
