package relay

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const switchWriters = 3

// follower is a reader who shows the state of one stream.
type follower struct {
	name  string
	w     int
	shown atomic.Int64
}

// switching is a server that publishes while others come and go.
type switching struct {
	a      *server
	stored [switchWriters]atomic.Int64
	all    sync.WaitGroup
}

// follow reads stream w on s until leave is closed.
func (sw *switching) follow(t *testing.T, s *server, w int, leave <-chan struct{}) *follower {
	r := read(t, s, streamOf(w), "")
	f := &follower{name: s.session.ID(), w: w}
	f.shown.Store(sw.stored[w].Load())
	sw.all.Go(func() {
		for {
			select {
			case <-r.sub.Ready():
			case <-leave:
				return
			}
			for _, value := range r.take() {
				shown := sw.stored[w].Load()
				if value != "lost" {
					if _, err := fmt.Sscan(value, &shown); err != nil {
						t.Error(err)
					}
				}
				f.shown.Store(shown)
			}
		}
	})
	return f
}

// publish stores and publishes new states for some seconds, in which change is called.
func (sw *switching) publish(t *testing.T, change func()) {
	var writing sync.WaitGroup
	for w := range switchWriters {
		writing.Go(func() {
			for begun := time.Now(); time.Since(begun) < 2*leaveAfter; time.Sleep(40 * time.Millisecond) {
				sw.a.publish(t, streamOf(w), sw.stored[w].Add(1))
			}
		})
	}
	time.Sleep(time.Second)
	change()
	writing.Wait()
	time.Sleep(2 * time.Second)
	synctest.Wait()
}

// A server is alone and in company by turns, and publishes meanwhile. Readers end
// with what is stored.
func TestSwitchingWhilePublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		sw := &switching{a: newServer(t, &link{log: log}, "a", true)}
		sw.a.start(t)
		end := make(chan struct{})
		var here []*follower
		for w := range switchWriters {
			here = append(here, sw.follow(t, sw.a, w, end))
		}
		check := func(list []*follower) {
			for _, f := range list {
				require.Equal(t, sw.stored[f.w].Load(), f.shown.Load(), "a reader on %s of stream %d", f.name, f.w)
			}
		}
		for range 4 {
			var there []*follower
			left := make(chan struct{})
			var stop func()
			sw.publish(t, func() {
				sw.a.session.alone.Store(false)
				require.NoError(t, sw.a.Join(t.Context()))
				b := newServer(t, &link{log: log}, "b", false)
				require.NoError(t, b.Join(t.Context()))
				stop = b.start(t)
				for w := range switchWriters {
					there = append(there, sw.follow(t, b, w, left))
				}
			})
			check(here)
			check(there)
			close(left)
			stop()
			sw.publish(t, func() { sw.a.session.alone.Store(true) })
			require.False(t, sw.a.queue.isOpen())
			check(here)
		}
		close(end)
		sw.all.Wait()
		require.Zero(t, sw.a.Stats().Gaps)
	})
}
