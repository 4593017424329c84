package account

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/kubeorch/core/models"
)

// waiter is the outcome of an acquire.
type waiter struct {
	release func()
	err     error
}

func enqueue(ctx context.Context, l *hashQueue, known bool) <-chan waiter {
	c := make(chan waiter, 1)
	go func() {
		release, err := l.acquire(ctx, known)
		c <- waiter{release, err}
	}()
	synctest.Wait()
	return c
}

func TestKnownPeopleGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &hashQueue{free: 1}
		release, err := l.acquire(t.Context(), false)
		require.NoError(t, err)
		unknown, second := enqueue(t.Context(), l, false), enqueue(t.Context(), l, false)
		known := enqueue(t.Context(), l, true)
		release()
		synctest.Wait()
		require.Len(t, known, 1)
		require.Empty(t, unknown)
		(<-known).release()
		(<-unknown).release()
		(<-second).release()
		require.Equal(t, 1, l.free)
	})
}

func TestFullLineAnswersAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &hashQueue{free: 1}
		release, err := l.acquire(t.Context(), true)
		require.NoError(t, err)
		var waiting []<-chan waiter
		for range maxUnknownWaiting {
			waiting = append(waiting, enqueue(t.Context(), l, false))
		}
		_, err = l.acquire(t.Context(), false)
		require.Equal(t, models.Unavailable, models.KindOf(err))
		var e *models.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, busyRetryAfter, e.RetryAfter)

		waiting = append(waiting, enqueue(t.Context(), l, true)) // there is room for people
		start := time.Now()
		for _, w := range waiting {
			require.Equal(t, models.Unavailable, models.KindOf((<-w).err))
		}
		require.Equal(t, hashTimeout, time.Since(start))
		release()
		require.Equal(t, 1, l.free)
		require.Empty(t, l.known)
		require.Empty(t, l.unknown)
	})
}

func TestTurnOfSomebodyWhoGaveUp(t *testing.T) {
	t.Parallel()
	l := &hashQueue{free: 1}
	release, err := l.acquire(t.Context(), false)
	require.NoError(t, err)
	turn, err := l.wait(false)
	require.NoError(t, err)
	release()
	l.giveUp(turn)
	require.Equal(t, 1, l.free)
}

func TestHashingStandsInLine(t *testing.T) {
	t.Parallel()
	p := NewPasswords(bcrypt.MinCost)
	p.queue.free = 0
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Hash(ctx, models.NewSecret("secret1"))
	require.Equal(t, models.Unavailable, models.KindOf(err))
	_, err = p.Match(ctx, "", models.NewSecret("secret1"))
	require.Equal(t, models.Unavailable, models.KindOf(err))
}
