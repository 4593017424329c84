package lease

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestServersKnowEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		a := start(t, db, "a")
		require.True(t, a.Alone())
		sleep(time.Minute)
		require.True(t, a.Alone())

		begun := time.Now()
		b := start(t, db, "b")
		require.Less(t, time.Since(begun), 3*time.Second, "the other one notices with its next heartbeat")
		require.False(t, a.Alone(), "it knows of b before b begins to work")
		require.False(t, b.Alone())
		require.Equal(t, a.Live(), b.Live())

		b.stop()
		require.NoError(t, b.Leave(t.Context()))
		a.Kick()
		synctest.Wait()
		require.True(t, a.Alone())
	})
}

// While the database does not answer, another server may have come unseen.
func TestServerThatCannotLookIsNotAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, newDatabase(), "a")
		a.way.set(true)
		sleep(DefaultOptions().Alone + time.Second)
		require.False(t, a.Alone())
		a.way.set(false)
		sleep(10 * time.Second)
		require.True(t, a.Alone())
	})
}

// A newcomer is acknowledged only after the first server shares its events.
func TestSharingBeginsBeforeTheNewcomerKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		a := start(t, db, "a")
		var failing atomic.Bool
		failing.Store(true)
		shared := make(chan struct{})
		a.BeforeSharing(func(context.Context) error {
			if failing.Load() {
				return errDown
			}
			close(shared)
			return nil
		})
		time.AfterFunc(2800*time.Millisecond, func() { failing.Store(false) })
		b := start(t, db, "b")
		select {
		case <-shared:
		default:
			t.Error("b works although a does not share its events")
		}
		require.Equal(t, []string{b.ID()}, db.records()[a.ID()].Seen)
	})
}

func TestSessionOfASilentServerIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		a, b := start(t, db, "a"), start(t, db, "b")
		l, err := a.Acquire(t.Context(), "work")
		require.NoError(t, err)
		require.True(t, l.Held())
		none, err := b.Acquire(t.Context(), "work")
		require.NoError(t, err)
		require.Nil(t, none)

		a.stop() // killed
		begun := time.Now()
		var second *Lease
		for second == nil {
			sleep(100 * time.Millisecond)
			second, err = b.Acquire(t.Context(), "work")
			require.NoError(t, err)
			if second != nil {
				require.False(t, l.Held())
			}
		}
		require.Less(t, time.Since(begun), 14*time.Second)
		require.Greater(t, second.Fence, l.Fence)
	})
}

// A server whose heartbeats do not arrive stops its work before another one can
// take it. When others ended its session, it works again under another one.
func TestServerWithoutDatabaseLosesItsLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		a, b := start(t, db, "a"), start(t, db, "b")
		l, err := a.Acquire(t.Context(), "work")
		require.NoError(t, err)
		first := a.ID()
		lost := make(chan string, 1)
		a.OnLost(func(id string) { lost <- id })
		a.way.set(true)
		<-l.Done()
		none, err := b.Acquire(t.Context(), "work")
		require.NoError(t, err)
		require.Nil(t, none, "it still belongs to a")
		require.Equal(t, first, a.ID())
		require.False(t, a.Valid(first))
		_, err = a.Acquire(t.Context(), "other")
		require.Error(t, err)

		sleep(10 * time.Second)
		a.way.set(false)
		sleep(3 * time.Second)
		require.Equal(t, first, <-lost)
		require.NotEqual(t, first, a.ID())
		require.NotContains(t, b.Live(), first)
		again, err := a.Acquire(t.Context(), "work")
		require.NoError(t, err)
		require.Greater(t, again.Fence, l.Fence)
	})
}

// When the database was away for all servers, nobody has ended the session.
func TestSessionOutlastsTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		a, b := start(t, db, "a"), start(t, db, "b")
		l, err := a.Acquire(t.Context(), "work")
		require.NoError(t, err)
		first := a.ID()
		a.way.set(true)
		b.way.set(true)
		sleep(time.Minute)
		require.False(t, l.Held())
		a.way.set(false)
		b.way.set(false)
		sleep(5 * time.Second)
		require.True(t, a.Valid(first))
		require.False(t, l.Held(), "it may have been taken")
		again, err := a.Acquire(t.Context(), "work")
		require.NoError(t, err)
		require.Greater(t, again.Fence, l.Fence)
	})
}

// A lease whose holders freeze and thaw again and again never has two.
func TestFrozenHoldersNeverShareALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		var holding atomic.Int32
		var last atomic.Int64
		var turns atomic.Int32
		all := []*server{start(t, db, "a"), start(t, db, "b"), start(t, db, "c")}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		for _, s := range all {
			go func() {
				defer func() { done <- struct{}{} }()
				for ctx.Err() == nil {
					l, err := s.Acquire(ctx, "work")
					if err != nil || l == nil {
						time.Sleep(200 * time.Millisecond)
						continue
					}
					turns.Add(1)
					if before := last.Swap(l.Fence); before >= l.Fence {
						t.Errorf("fence %d after %d", l.Fence, before)
					}
					for l.Held() && ctx.Err() == nil {
						if n := holding.Add(1); n != 1 {
							t.Errorf("%d servers hold the lease", n)
						}
						holding.Add(-1)
						time.Sleep(50 * time.Millisecond)
					}
				}
			}()
		}
		for i := range 30 {
			s := all[i%3]
			thaw := s.way.freeze()
			sleep(time.Duration(7+i) * time.Second / 2)
			thaw()
			sleep(time.Second)
		}
		cancel()
		for range all {
			<-done
		}
		require.Greater(t, turns.Load(), int32(5))
	})
}

func TestWhileWorksOnOneServerAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		var working atomic.Int32
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{}, 2)
		work := func(ctx context.Context) error {
			if working.Add(1) != 1 {
				t.Error("two work at once")
			}
			<-ctx.Done()
			working.Add(-1)
			return nil
		}
		a, b := start(t, db, "a"), start(t, db, "b")
		ctxA, stopA := context.WithCancel(ctx)
		go func() { _ = a.While(ctxA, "task", work); ended <- struct{}{} }()
		synctest.Wait()
		go func() { _ = b.While(ctx, "task", work); ended <- struct{}{} }()
		sleep(time.Minute)
		require.EqualValues(t, 1, working.Load())
		require.Equal(t, []string{"task"}, a.names())

		stopA()
		<-ended
		a.stop()
		require.NoError(t, a.Leave(t.Context()))
		sleep(DefaultOptions().Beat)
		require.EqualValues(t, 1, working.Load())
		require.Equal(t, []string{"task"}, b.names(), "b takes over with its next heartbeat")
		cancel()
		<-ended
	})
}

func TestServerWithOtherSecretsIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		a := start(t, db, "first")
		_, err := tryStart(t, db, Deps{Name: "b", Secrets: "other"})
		require.Equal(t, models.Conflict, models.KindOf(err))
		require.ErrorContains(t, err, `server "first" uses this database with another JWT_SECRET`)
		require.Len(t, db.records(), 1, "nothing is left of the second one")

		a.stop() // killed: its record stays
		b, err := tryStart(t, db, Deps{Name: "b", Secrets: "other"})
		require.NoError(t, err)
		require.Equal(t, []string{b.ID()}, b.Live())
	})
}

func TestSessionWithoutOtherProcessesStoresNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSession(Deps{}, DefaultOptions())
		require.NoError(t, s.Register(t.Context()))
		require.NoError(t, s.Join(t.Context()))
		require.True(t, s.Alone())
		l, err := s.Acquire(t.Context(), "work")
		require.NoError(t, err)
		require.True(t, l.Held())
		require.Zero(t, l.Fence)
		again, err := s.Acquire(t.Context(), "work")
		require.NoError(t, err)
		require.Nil(t, again, "it is held already")
		require.NoError(t, l.Release(t.Context()))
		require.False(t, l.Held())
		again, err = s.Acquire(t.Context(), "work")
		require.NoError(t, err)
		require.NotNil(t, again)
		require.NoError(t, s.Leave(t.Context()))
	})
}

// An idle server of a pair stores a heartbeat and looks at the others, and that is
// all.
func TestIdleServerAsksLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		a, _ := start(t, db, "a"), start(t, db, "b")
		a.way.count()
		sleep(time.Minute)
		require.LessOrEqual(t, a.way.count(), 50)
	})
}

// A server that retires has told everything; one that dies may have not.
func TestDeathIsToldFromAnOrderlyLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		a, b, c := start(t, db, "a"), start(t, db, "b"), start(t, db, "c")
		var deaths atomic.Int32
		a.OnDeath(func() { deaths.Add(1) })
		b.Retire(t.Context())
		a.Kick()
		synctest.Wait()
		b.stop()
		require.NoError(t, b.Leave(t.Context()))
		sleep(time.Minute)
		require.Len(t, a.Live(), 2)
		require.Zero(t, deaths.Load())

		c.stop() // killed
		sleep(time.Minute)
		require.Len(t, a.Live(), 1)
		require.EqualValues(t, 1, deaths.Load())
	})
}
