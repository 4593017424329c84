package lease

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// fleet are servers that divide items among them.
type fleet struct {
	t   *testing.T
	db  *database
	all []*member

	mu    sync.Mutex
	items []string
	moves int
}

type member struct {
	*server

	balancer *Balancer
	stopWork func()
}

func (f *fleet) list(context.Context) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.items), nil
}

func (f *fleet) set(items []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.items = items
}

func (f *fleet) moved() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.moves
	f.moves = 0
	return n
}

// add starts one more server.
func (f *fleet) add(name string) *member {
	m := &member{server: start(f.t, f.db, name)}
	m.balancer = NewBalancer(BalancerDeps{
		Session: m.Session, Leases: leases{m.way}, Prefix: "cluster:", Items: f.list,
		Gained: func(string) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.moves++
		},
		Releasing: func(_ context.Context, item string) {
			if _, held := m.balancer.Holds(item); held {
				f.t.Errorf("%s still holds %s while it gives it up", name, item)
			}
		},
		Released: func() {
			f.mu.Lock()
			all := slices.Clone(f.all)
			f.mu.Unlock()
			for _, o := range all {
				if o != m {
					o.Kick()
					o.balancer.Nudge()
				}
			}
		},
		Log: slog.New(slog.DiscardHandler),
	})
	f.mu.Lock()
	f.all = append(f.all, m)
	f.mu.Unlock()
	ctx, cancel := context.WithCancel(f.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.balancer.Run(ctx) }()
	m.stopWork = func() { cancel(); <-done }
	f.t.Cleanup(m.stopWork)
	return m
}

// spread returns how many items each server holds, and requires that each item is
// held once.
func (f *fleet) spread() (counts []int) {
	f.t.Helper()
	holders := map[string]int{}
	for _, m := range f.all {
		n := 0
		for _, item := range f.items {
			if _, held := m.balancer.Holds(item); held {
				holders[item]++
				n++
			}
		}
		counts = append(counts, n)
	}
	for item, n := range holders {
		require.Equal(f.t, 1, n, item)
	}
	return counts
}

func TestItemsAreSpreadEvenlyAndMoveLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{t: t, db: newDatabase(), items: items(60)}
		a := f.add("a")
		sleep(time.Second)
		require.Equal(t, []int{60}, f.spread())
		f.moved()

		b := f.add("b")
		sleep(time.Second)
		require.Equal(t, []int{30, 30}, f.spread())
		require.Equal(t, 30, f.moved())

		f.add("c")
		sleep(time.Second)
		require.Equal(t, []int{20, 20, 20}, f.spread())
		require.Equal(t, 20, f.moved())

		b.Retire(t.Context()) // an orderly stop
		b.stopWork()
		sleep(time.Second)
		require.Equal(t, []int{30, 0, 30}, f.spread(), "a second later the others have its items")
		b.stop()
		require.NoError(t, b.Leave(t.Context()))
		sleep(5 * time.Second)
		require.Equal(t, []int{30, 0, 30}, f.spread())
		f.moved()

		a.stop() // killed
		thaw := a.way.freeze()
		sleep(14 * time.Second)
		require.Equal(t, []int{0, 0, 60}, f.spread())
		thaw()
		sleep(time.Minute)
		require.Equal(t, []int{0, 0, 60}, f.spread(), "its session is over")
		require.Equal(t, 30, f.moved())
	})
}

func TestItemsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{t: t, db: newDatabase(), items: items(3)}
		a, b := f.add("a"), f.add("b")
		sleep(10 * time.Second)
		f.set(items(61))
		a.balancer.Nudge()
		b.balancer.Nudge()
		sleep(time.Second)
		counts := f.spread()
		slices.Sort(counts)
		require.Equal(t, []int{30, 31}, counts)

		f.set(items(2))
		sleep(2 * time.Minute)
		require.Equal(t, []int{1, 1}, f.spread())
		sleep(time.Minute)
		require.Len(t, f.db.names(), 2, "leases of what is gone are removed")
	})
}

func TestMoreServersThanItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{t: t, db: newDatabase(), items: items(2)}
		for _, name := range []string{"a", "b", "c", "d"} {
			f.add(name)
		}
		sleep(time.Minute)
		counts := f.spread()
		slices.Sort(counts)
		require.Equal(t, []int{0, 0, 1, 1}, counts)
		f.moved()
		sleep(time.Hour)
		require.Zero(t, f.moved(), "what is even stays where it is")
	})
}

func TestEachItemHasOneHolderThroughTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{t: t, db: newDatabase(), items: items(20)}
		for _, name := range []string{"a", "b", "c"} {
			f.add(name)
		}
		for i := range 40 {
			m := f.all[i*7%3]
			if i%2 == 0 {
				thaw := m.way.freeze()
				sleep(time.Duration(i) * 700 * time.Millisecond)
				f.spread()
				thaw()
			} else {
				m.way.set(true)
				sleep(time.Duration(i) * 400 * time.Millisecond)
				f.spread()
				m.way.set(false)
			}
			for range 20 {
				sleep(100 * time.Millisecond)
				f.spread()
			}
		}
		sleep(time.Minute)
		counts := f.spread()
		slices.Sort(counts)
		require.Equal(t, []int{6, 7, 7}, counts)
	})
}

func TestBalancerWithoutOtherProcessesHoldsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBalancer(BalancerDeps{Session: NewSession(Deps{}, DefaultOptions())})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = b.Run(ctx) }()
		fence, held := b.Holds("c1")
		require.True(t, held)
		require.Zero(t, fence)
		b.Nudge()
		synctest.Wait()
	})
}
