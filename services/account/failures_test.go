package account

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/servicetest"
)

// counters are what some servers count with, by turns.
type counters struct {
	servers []delays
	clock   *servicetest.Clock
	turn    atomic.Int64
}

func (c *counters) next() delays { return c.servers[int(c.turn.Add(1))%len(c.servers)] }

// try is a try at the next server.
func (c *counters) try(t *testing.T, key limit.Key) (undo func(), wait time.Duration) {
	t.Helper()
	back, wait, err := c.next().Try(t.Context(), key)
	require.NoError(t, err)
	if back == nil {
		require.Positive(t, wait)
		return nil, wait
	}
	require.Zero(t, wait)
	return func() { back(t.Context()) }, 0
}

func TestFailuresOf(t *testing.T) {
	t.Parallel()
	stored := func(n int) opener {
		return func(t *testing.T, b limit.Backoff) *counters {
			c := &counters{clock: servicetest.NewClock()}
			db := dbtest.Open(t).Database()
			for range n {
				c.servers = append(c.servers, FailuresIn(repositories.NewAttempts(db), testSecret, c.clock.Now)("test", b))
			}
			return c
		}
	}
	for name, open := range map[string]opener{
		"one process": func(_ *testing.T, b limit.Backoff) *counters {
			c := &counters{clock: servicetest.NewClock()}
			c.servers = []delays{FailuresHere(c.clock.Now)("test", b)}
			return c
		},
		"one server with a store":      stored(1),
		"three servers with one store": stored(3),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, tests := range []map[string]func(*testing.T){waits(open), undone(open), together(open)} {
				for name, test := range tests {
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						test(t)
					})
				}
			}
		})
	}
}

// opener makes counters with a store of their own, if they have one.
type opener func(*testing.T, limit.Backoff) *counters

func usual() limit.Backoff {
	return limit.Backoff{Free: 5, Initial: time.Second, Max: 15 * time.Minute, ResetAfter: time.Hour}
}

// waits is what counters promise about waiting, however many servers count.
func waits(open opener) map[string]func(*testing.T) {
	ann, bob := limit.KeyOf("ann"), limit.KeyOf("bob")
	return map[string]func(t *testing.T){
		"the delay doubles up to its maximum, and ends with time": func(t *testing.T) {
			c := open(t, usual())
			for range 5 {
				c.try(t, ann)
			}
			for _, want := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
				_, wait := c.try(t, ann)
				require.Equal(t, time.Duration(want)*time.Second, wait)
				c.clock.Move(wait - time.Millisecond)
				_, wait = c.try(t, ann)
				require.Equal(t, time.Millisecond, wait, "a refused try makes the wait no longer")
				c.clock.Move(wait)
				undo, _ := c.try(t, ann)
				require.NotNil(t, undo)
			}
			undo, _ := c.try(t, bob)
			require.NotNil(t, undo, "another key has a count of its own")
			c.clock.Move(time.Hour)
			for range 5 {
				undo, _ := c.try(t, ann)
				require.NotNil(t, undo, "an hour later all is forgotten")
			}
		},
		"what is cleared is forgotten": func(t *testing.T) {
			c := open(t, usual())
			for range 3 {
				for range 5 {
					undo, _ := c.try(t, ann)
					require.NotNil(t, undo)
				}
				_, wait := c.try(t, ann)
				require.NotZero(t, wait)
				c.next().Clear(t.Context(), ann)
			}
		},
	}
}

// undone is what counters promise about tries that are taken back.
func undone(open opener) map[string]func(*testing.T) {
	ann := limit.KeyOf("ann")
	return map[string]func(t *testing.T){
		"tries that are taken back never add up": func(t *testing.T) {
			c := open(t, limit.Backoff{Free: 2, Initial: 10 * time.Second, Max: time.Minute, ResetAfter: time.Hour})
			for range 20 {
				undo, _ := c.try(t, ann)
				undo()
			}
			first, _ := c.try(t, ann)
			second, _ := c.try(t, ann)
			_, wait := c.try(t, ann)
			require.Equal(t, 10*time.Second, wait)
			first()
			third, _ := c.try(t, ann)
			require.NotNil(t, third, "one failure is left")
			third()
			second()
			for range 2 {
				undo, _ := c.try(t, ann)
				require.NotNil(t, undo)
			}
		},
		"a try that is taken back leaves the wait as it was": func(t *testing.T) {
			c := open(t, usual())
			for range 5 {
				c.try(t, ann)
			}
			c.clock.Move(time.Second)
			undo, _ := c.try(t, ann)
			c.clock.Move(500 * time.Millisecond)
			_, wait := c.try(t, ann)
			require.Equal(t, 1500*time.Millisecond, wait)
			undo()
			undo, _ = c.try(t, ann)
			require.NotNil(t, undo)
		},
	}
}

// together is what counters promise about tries at the same moment.
func together(open opener) map[string]func(*testing.T) {
	ann := limit.KeyOf("ann")
	return map[string]func(t *testing.T){
		"tries together are tries in a row": func(t *testing.T) {
			c := open(t, usual())
			var tried atomic.Int64
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					undo, _, err := c.next().Try(t.Context(), ann)
					if err != nil {
						t.Error(err)
					}
					if undo != nil {
						tried.Add(1)
					}
				})
			}
			all.Wait()
			require.EqualValues(t, 5, tried.Load())
		},
		"together taken back is nothing": func(t *testing.T) {
			c := open(t, limit.Backoff{Free: 100, Initial: time.Second, Max: time.Second, ResetAfter: time.Hour})
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					undo, _, err := c.next().Try(t.Context(), ann)
					if err != nil {
						t.Error(err)
						return
					}
					undo(t.Context())
				})
			}
			all.Wait()
			for range 100 {
				undo, _ := c.try(t, ann)
				require.NotNil(t, undo)
			}
		},
	}
}

func TestStoredFailures(t *testing.T) {
	t.Parallel()
	db, clock := dbtest.Open(t).Database(), servicetest.NewClock()
	store := repositories.NewAttempts(db)
	backoff := limit.Backoff{Free: 1, Initial: time.Minute, Max: time.Minute, ResetAfter: time.Hour}
	logins, invites := FailuresIn(store, testSecret, clock.Now)("login", backoff), FailuresIn(store, testSecret, clock.Now)("invite", backoff)
	key := limit.KeyOf("my password")
	undo, _, err := logins.Try(t.Context(), key)
	require.NoError(t, err)
	_, wait, err := invites.Try(t.Context(), key)
	require.NoError(t, err)
	require.Zero(t, wait, "of another kind")

	id := logins.(storedDelays).id(key)
	require.NotContains(t, id, fmt.Sprintf("%x", key), "readers of the database cannot compare keys with guesses")
	var doc struct{ Expires time.Time }
	require.NoError(t, db.Collection(database.Attempts).FindOne(t.Context(), map[string]string{"_id": id}).Decode(&doc))
	require.True(t, clock.Now().Add(time.Hour).Equal(doc.Expires))

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = logins.Try(gone, key)
	require.Equal(t, models.Unavailable, models.KindOf(err))
	undo(gone)
	invites.Clear(gone, key)
	n, err := db.Collection(database.Attempts).CountDocuments(t.Context(), map[string]any{})
	require.NoError(t, err)
	require.Zero(t, n, "what did not fail leaves nothing")
}
