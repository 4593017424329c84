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

// waiter is somebody who stands in a line.
type waiter struct {
	leave func()
	err   error
}

func stand(ctx context.Context, l *line, known bool) <-chan waiter {
	c := make(chan waiter, 1)
	go func() {
		leave, err := l.enter(ctx, known)
		c <- waiter{leave, err}
	}()
	synctest.Wait()
	return c
}

func TestKnownPeopleGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &line{free: 1}
		leave, err := l.enter(t.Context(), false)
		require.NoError(t, err)
		stranger, second := stand(t.Context(), l, false), stand(t.Context(), l, false)
		known := stand(t.Context(), l, true)
		leave()
		synctest.Wait()
		require.Len(t, known, 1)
		require.Empty(t, stranger)
		(<-known).leave()
		(<-stranger).leave()
		(<-second).leave()
		require.Equal(t, 1, l.free)
	})
}

func TestFullLineAnswersAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &line{free: 1}
		leave, err := l.enter(t.Context(), true)
		require.NoError(t, err)
		var waiting []<-chan waiter
		for range strangersWaiting {
			waiting = append(waiting, stand(t.Context(), l, false))
		}
		_, err = l.enter(t.Context(), false)
		require.Equal(t, models.Unavailable, models.KindOf(err))
		var e *models.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, comeBack, e.RetryAfter)

		waiting = append(waiting, stand(t.Context(), l, true)) // there is room for people
		start := time.Now()
		for _, w := range waiting {
			require.Equal(t, models.Unavailable, models.KindOf((<-w).err))
		}
		require.Equal(t, hashWait, time.Since(start))
		leave()
		require.Equal(t, 1, l.free)
		require.Empty(t, l.known)
		require.Empty(t, l.strangers)
	})
}

func TestTurnOfSomebodyWhoGaveUp(t *testing.T) {
	t.Parallel()
	l := &line{free: 1}
	leave, err := l.enter(t.Context(), false)
	require.NoError(t, err)
	turn, err := l.queue(false)
	require.NoError(t, err)
	leave()
	l.giveUp(turn)
	require.Equal(t, 1, l.free)
}

func TestHashingStandsInLine(t *testing.T) {
	t.Parallel()
	p := NewPasswords(bcrypt.MinCost)
	p.line.free = 0
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Hash(ctx, models.NewSecret("secret1"))
	require.Equal(t, models.Unavailable, models.KindOf(err))
	_, err = p.Match(ctx, "", models.NewSecret("secret1"))
	require.Equal(t, models.Unavailable, models.KindOf(err))
}
