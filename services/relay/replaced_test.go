package relay

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// A server that was away for so long that entries are gone goes on behind the hole.
func TestHoleInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a := newServer(t, &link{log: log}, "a", false)
		missed := 0
		a.OnMissed(func() { missed++ })
		require.NoError(t, a.Join(t.Context()))
		a.start(t)
		b := inLog(t, log, "b")
		r, quiet := read(t, a, key, ""), read(t, a, "workflow:quiet", "")
		time.Sleep(time.Second)
		a.link.freeze()
		for i := range 10 {
			b.publish(t, key, i)
			time.Sleep(keepTime / 5)
		}
		time.Sleep(2 * trimEvery)
		require.Zero(t, missed)
		a.link.thaw()
		time.Sleep(storeTimeout)
		require.Equal(t, []string{"lost"}, r.take())
		require.Equal(t, []string{"lost"}, quiet.take(), "any stream may have lost something")
		require.Equal(t, 1, missed)
		b.publish(t, key, 10)
		time.Sleep(time.Second)
		require.Equal(t, []string{"10"}, r.take())
	})
}

// The log is not the one that was read before: the collection was dropped, or
// replaced by a backup.
func TestLogThatWasReplaced(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(log *memLog){
		"by an empty one": func(log *memLog) { log.epoch, log.entries = "other", nil },
		"by a backup":     func(log *memLog) { log.entries = log.entries[:2] },
		"by one that is longer": func(log *memLog) {
			log.epoch = "other"
			n := log.entries[len(log.entries)-1].N + 1
			log.entries = append(log.entries, models.RelayEntry{N: n, Epoch: "other", From: "x"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &memLog{}
				a, b := inLog(t, log, "a"), inLog(t, log, "b")
				here, there := read(t, a, key, ""), read(t, b, key, "")
				for i := range 4 {
					a.publish(t, key, i)
					time.Sleep(time.Second)
				}
				require.Len(t, here.take(), 4)
				require.Len(t, there.take(), 4)
				log.mu.Lock()
				replace(log)
				log.mu.Unlock()
				time.Sleep(3 * checkEvery)
				require.Equal(t, []string{"lost"}, here.take())
				require.Equal(t, []string{"lost"}, there.take())
				a.publish(t, key, 5)
				time.Sleep(time.Second)
				require.Equal(t, []string{"5"}, here.take())
				require.Equal(t, []string{"5"}, there.take())
				require.Equal(t, here.lastID, there.lastID)
			})
		})
	}
}

// A primary that was elected a moment ago may not show the newest entries.
func TestLogThatIsShorterForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a := inLog(t, log, "a")
		r := read(t, a, key, "")
		a.publish(t, key, 0)
		time.Sleep(time.Second)
		require.Len(t, r.take(), 1)
		log.mu.Lock()
		hidden := log.entries
		log.entries = nil
		log.mu.Unlock()
		time.Sleep(checkEvery)
		log.mu.Lock()
		log.entries = hidden
		log.mu.Unlock()
		time.Sleep(3 * checkEvery)
		require.Empty(t, r.take())
	})
}
