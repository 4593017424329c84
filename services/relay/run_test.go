package relay

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestStopAppendsWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a, b := newServer(t, &link{log: log}, "a", false), inLog(t, log, "b")
		require.NoError(t, a.Join(t.Context()))
		stop := a.start(t)
		r := read(t, b, key, "")
		for i := range 2500 {
			a.publish(t, "workflow:noise", i)
		}
		a.publish(t, key, 0)
		begun := time.Now()
		stop()
		require.Less(t, time.Since(begun), flushTime)
		time.Sleep(time.Second)
		require.Equal(t, []string{"0"}, r.take())
		a.publish(t, key, 1)
		require.Zero(t, a.Stats().Queue, "too late")

		stuck := newServer(t, &link{log: log}, "stuck", false)
		require.NoError(t, stuck.Join(t.Context()))
		stop = stuck.start(t)
		synctest.Wait()
		stuck.link.freeze()
		stuck.publish(t, key, 2)
		begun = time.Now()
		stop()
		require.Equal(t, flushTime, time.Since(begun), "it is bounded")
		require.Contains(t, stuck.logged.String(), "are lost")
		stuck.link.thaw()
	})
}

func TestFlushWaitsForTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a := inLog(t, log, "a")
		require.NoError(t, a.Flush(t.Context()), "there is nothing")
		a.link.fail(2, 0)
		for i := range 3000 {
			a.publish(t, key, i)
		}
		require.NoError(t, a.Flush(t.Context()))
		var appended int
		for _, e := range log.all() {
			appended += len(e.Messages)
		}
		require.Equal(t, 3000, appended)
		a.link.freeze()
		a.publish(t, key, 0)
		ctx, cancel := contextWithTimeout(t, time.Second)
		defer cancel()
		require.Equal(t, models.Unavailable, models.KindOf(a.Flush(ctx)))
		a.link.thaw()
		require.NoError(t, a.Flush(t.Context()))
	})
}

func TestHowOftenTheLogIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a, b := inLog(t, log, "a"), inLog(t, log, "b")
		opsIn := func(d time.Duration) int {
			before := a.link.ops.Load()
			time.Sleep(d)
			return int(a.link.ops.Load() - before)
		}
		time.Sleep(time.Second)
		require.InDelta(t, 20+1, opsIn(10*time.Second), 1, "without readers")
		read(t, a, key, "")
		opsIn(time.Second)
		require.InDelta(t, 40+1, opsIn(10*time.Second), 1, "with a reader")
		b.publish(t, key, 0)
		opsIn(time.Second)
		require.InDelta(t, 40, opsIn(2*time.Second), 1, "after another server said something")
		opsIn(3 * time.Second)
		require.InDelta(t, 8, opsIn(2*time.Second), 1, "and some time later")
		a.publish(t, key, 1)
		require.InDelta(t, 40+2, opsIn(10*time.Second), 2, "its own events are none")
	})
}

func TestLogIsTrimmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a, b := inLog(t, log, "a"), inLog(t, log, "b")
		a.publish(t, key, 0)
		time.Sleep(time.Minute)
		b.publish(t, key, 1)
		time.Sleep(keepTime - time.Minute - 2*time.Second)
		require.Len(t, log.all(), 2)
		time.Sleep(2*trimEvery + time.Second)
		require.Len(t, log.all(), 1, "what was seen two minutes ago is gone")
		time.Sleep(2 * keepTime)
		require.Len(t, log.all(), 1, "the newest entry stays")

		big := strings.Repeat("x", entryBytes-1000)
		for range 2 * keepBytes / entryBytes {
			a.publish(t, key, big)
			time.Sleep(2 * appendGap)
		}
		size := 0
		for _, e := range log.all() {
			size += e.Size()
		}
		require.LessOrEqual(t, size, keepBytes+trimExcess)
		require.Greater(t, size, keepBytes/2)
		time.Sleep(readIdle)
		require.NotContains(t, b.logged.String(), "replaced")
		require.Equal(t, log.newest(), b.last())
	})
}
