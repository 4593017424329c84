package relay

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const key = "workflow:w1"

func TestEventsReachTheReadersOfAllServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a, b := inLog(t, log, "a"), inLog(t, log, "b")
		here, there := read(t, a, key, ""), read(t, b, key, "")
		synctest.Wait()
		time.Sleep(time.Second)
		for i := range 5 {
			a.publish(t, key, i)
		}
		time.Sleep(appendGap)
		synctest.Wait()
		require.Equal(t, values(0, 5), here.take(), "its own events, as soon as they are in the log")
		time.Sleep(2 * readServing)
		require.Equal(t, values(0, 5), there.take())
		require.Equal(t, here.ids, there.ids)

		time.Sleep(time.Second)
		b.publish(t, key, 5)
		a.publish(t, "workflow:other", 6)
		time.Sleep(2 * readServing)
		require.Equal(t, []string{"5"}, here.take())
		require.Equal(t, []string{"5"}, there.take())
		require.EqualValues(t, 6, a.Stats().Appended)
		require.EqualValues(t, 1, a.Stats().Received)
		require.Zero(t, a.Stats().Gaps)
		require.Zero(t, a.Stats().Queue)
		require.Less(t, a.Stats().Lag, readServing)
	})
}

func TestReaderMovesBetweenServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a, b := inLog(t, log, "a"), inLog(t, log, "b")
		r := read(t, a, key, "")
		a.publish(t, key, 0)
		synctest.Wait()
		require.Equal(t, []string{"0"}, r.take())
		r.move(t, b, key)
		require.Empty(t, r.take(), "b is not as far; the reader waits")
		synctest.Wait()
		require.Equal(t, log.newest(), b.last(), "it reads at once")
		a.publish(t, key, 1)
		time.Sleep(time.Second)
		b.publish(t, key, 2)
		time.Sleep(time.Second)
		require.Equal(t, values(1, 3), r.take())
		r.move(t, a, key)
		require.Empty(t, r.take())
		r.sub.Close()
		b.publish(t, key, 3)
		time.Sleep(time.Second)
		c := inLog(t, log, "c") // has loaded what was said before it started
		r.move(t, c, key)
		require.Equal(t, []string{"3"}, r.take())

		d := newServer(t, &link{log: log}, "d", true)
		require.True(t, d.Alone())
		require.NoError(t, d.Join(t.Context()), "behind an entry of its own")
		quiet := read(t, d, "workflow:quiet", "")
		time.Sleep(time.Second)
		quiet.move(t, a, "workflow:quiet")
		time.Sleep(time.Minute)
		require.Empty(t, quiet.take(), "a has come as far as d")
	})
}

func TestMessagesBetweenServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		var heard, own []string
		a, b := newServer(t, &link{log: log}, "a", false), newServer(t, &link{log: log}, "b", false)
		a.On("revoke", func(k string, _ []byte) { own = append(own, k) })
		b.On("revoke", func(k string, data []byte) {
			heard = append(heard, k+" "+string(data))
			b.Send("heard", k, nil)
		})
		b.On("broken", func(string, []byte) { panic("a fault") })
		a.On("heard", func(k string, _ []byte) { own = append(own, "heard "+k) })
		for _, s := range []*server{a, b} {
			require.NoError(t, s.Join(t.Context()))
			s.start(t)
		}
		a.Send("revoke", "ann", []byte("1"))
		a.Send("broken", "", nil)
		a.Send("of another version", "", nil)
		a.Send("revoke", "bob", []byte("2"))
		time.Sleep(2 * readIdle)
		synctest.Wait()
		require.Equal(t, []string{"ann 1", "bob 2"}, heard, "in order")
		require.Equal(t, []string{"heard ann", "heard bob"}, own, "a handler may send; own messages are not heard")
		require.Contains(t, b.logged.String(), "a fault")
	})
}

// While the session vouches for it, a server that is alone asks the database nothing.
func TestAloneCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a := newServer(t, &link{log: log}, "a", true)
		a.start(t)
		r := read(t, a, key, "")
		for i := range 3 {
			a.publish(t, key, i)
			a.Send("revoke", "ann", nil)
			time.Sleep(time.Minute)
		}
		require.Equal(t, values(0, 3), r.take())
		require.Zero(t, a.link.ops.Load())
		require.Equal(t, Stats{}, a.Stats())
	})
}

func TestSwitchingBetweenAloneAndShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a := newServer(t, &link{log: log}, "a", true)
		a.start(t)
		here := read(t, a, key, "")
		a.publish(t, key, 0)
		require.Equal(t, []string{"0"}, here.take())

		// b comes, and is told so after a has joined.
		a.session.alone.Store(false)
		require.NoError(t, a.Join(t.Context()))
		require.NoError(t, a.Join(t.Context()), "a second time does nothing")
		b := inLog(t, log, "b")
		there := read(t, b, key, here.lastID)
		require.Equal(t, []string{"lost"}, here.take(), "all readers get a snapshot")
		require.Equal(t, []string{"lost"}, there.take(), "ids of the time alone are not known")
		a.publish(t, key, 1)
		time.Sleep(time.Second)
		require.Equal(t, []string{"1"}, here.take())
		require.Equal(t, []string{"1"}, there.take())

		// b goes. After a while a leaves the log, and its readers get a snapshot again.
		a.session.alone.Store(true)
		time.Sleep(leaveAfter - 2*time.Second)
		a.publish(t, key, 2)
		time.Sleep(time.Second)
		require.Equal(t, []string{"2"}, here.take())
		time.Sleep(2 * time.Second)
		ops := a.link.ops.Load()
		require.Equal(t, []string{"lost"}, here.take())
		a.publish(t, key, 3)
		require.Equal(t, []string{"3"}, here.take())
		time.Sleep(time.Minute)
		require.Equal(t, ops, a.link.ops.Load())
		require.Zero(t, a.Stats().Lag)
		require.Len(t, log.all(), 1, "the newest entry alone is left")
	})
}

// A reader that knows an id of the time before a server was alone cannot go on from
// there: what was published meanwhile is not in the log.
func TestTimeAloneIsAGapInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a := newServer(t, &link{log: log}, "a", false)
		require.NoError(t, a.Join(t.Context()))
		a.start(t)
		r := read(t, a, key, "")
		a.publish(t, key, 0)
		synctest.Wait()
		require.Equal(t, []string{"0"}, r.take())
		old := r.lastID
		a.session.alone.Store(true)
		time.Sleep(leaveAfter + time.Second)
		require.Equal(t, []string{"lost"}, r.take())
		a.publish(t, key, 1)
		require.Equal(t, []string{"1"}, r.take())

		a.session.alone.Store(false)
		require.NoError(t, a.Join(t.Context()))
		b := inLog(t, log, "b")
		require.Equal(t, []string{"lost"}, read(t, b, key, old).take())
	})
}

// What was queued when a server left the log is part of no snapshot on another one.
func TestLeavingIsAGapInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a := inLog(t, log, "a")
		a.session.alone.Store(true)
		time.Sleep(leaveAfter + time.Second)
		require.Empty(t, messages(log))
		a.session.alone.Store(false)
		require.NoError(t, a.Join(t.Context()))
		require.Equal(t, []string{"gap "}, messages(log))
	})
}

// A process that was frozen finds out that it may not be alone by itself, and nothing
// that it publishes then stays on this server.
func TestPublishingWhenTheSessionNoLongerVouches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a := newServer(t, &link{log: log}, "a", true)
		a.start(t)
		here := read(t, a, key, "")
		a.publish(t, key, 0)
		b := inLog(t, log, "b")
		there := read(t, b, key, "")

		a.session.alone.Store(false)
		a.publish(t, key, 1)
		a.session.alone.Store(true) // for a moment; order must not depend on it
		a.publish(t, key, 2)
		time.Sleep(time.Second)
		require.Equal(t, []string{"lost"}, here.take(), "with what came before")
		require.Equal(t, []string{"lost"}, there.take(), "what a published alone is lost to b")
		require.Equal(t, []string{"gap ", "event " + key, "event " + key}, messages(log))
		a.publish(t, key, 3)
		time.Sleep(time.Second)
		require.Equal(t, []string{"3"}, here.take())
		require.Equal(t, []string{"3"}, there.take())
	})
}

func TestJoinGoesOnInRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a := newServer(t, &link{log: log}, "a", false)
		a.link.fail(3, 0)
		require.ErrorIs(t, a.Join(t.Context()), errStore)
		a.publish(t, key, 0)
		a.start(t)
		r := read(t, a, key, "")
		require.Empty(t, r.take())
		time.Sleep(time.Second)
		require.Equal(t, []string{"lost"}, r.take(), "what was published before is part of the snapshot")
		a.publish(t, key, 1)
		synctest.Wait()
		require.Equal(t, []string{"1"}, r.take())
		require.Equal(t, 1, strings.Count(a.logged.String(), "have to wait"))
		require.Equal(t, 1, strings.Count(a.logged.String(), "go on"))
	})
}
