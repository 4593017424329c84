package relay

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// messages returns the topics and keys of all that is in log, in order.
func messages(log *memLog) (list []string) {
	for _, e := range log.all() {
		for _, m := range e.Messages {
			list = append(list, m.Topic+" "+m.Key)
		}
	}
	return list
}

func TestFailuresOfTheStore(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*link){
		"appends that fail":                         func(l *link) { l.fail(3, 0) },
		"appends that succeed and say they did not": func(l *link) { l.fail(0, 3) },
		"one that fails and two of unknown outcome": func(l *link) { l.fail(1, 2) },
		"a store that hangs": func(l *link) {
			l.freeze()
			time.AfterFunc(3*storeTimeout, l.thaw)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &memLog{}
				a, b := inLog(t, log, "a"), inLog(t, log, "b")
				here, there := read(t, a, key, ""), read(t, b, key, "")
				time.Sleep(2 * readIdle)
				synctest.Wait()
				fail(a.link)
				for i := range 4 {
					a.publish(t, key, i)
					time.Sleep(50 * time.Millisecond)
				}
				time.Sleep(4 * storeTimeout)
				require.Equal(t, values(0, 4), here.take(), "in order, and once")
				require.Equal(t, values(0, 4), there.take())
				require.Zero(t, a.Stats().Gaps)
			})
		})
	}
}

// An entry that was stored by an append that failed must not be stored again behind
// one of another server.
func TestUnknownOutcomeBehindAnotherServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a, b := inLog(t, log, "a"), inLog(t, log, "b")
		r := read(t, b, key, "")
		time.Sleep(time.Second + time.Millisecond) // no read is under way
		a.link.fail(0, 1)
		a.publish(t, key, 0)
		synctest.Wait()
		b.Nudge()
		synctest.Wait()
		b.publish(t, key, 1)
		time.Sleep(time.Second)
		require.Equal(t, values(0, 2), r.take())
		require.Equal(t, []string{"event " + key, "event " + key}, messages(log))
		require.EqualValues(t, 1, a.Stats().Appended)
	})
}

// An append of former times may arrive late.
func TestOwnEntryThatIsNotThePresentOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a := inLog(t, log, "a")
		r := read(t, a, key, "")
		time.Sleep(time.Second)
		a.link.fail(3, 0)
		a.publish(t, key, 0)
		synctest.Wait()
		require.NoError(t, log.append(models.RelayEntry{N: 1, Epoch: "log", From: a.id, Batch: -1}))
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"0"}, r.take())
	})
}

// The entry in the way may not be readable yet, until a majority has it.
func TestConflictWithAnEntryThatCannotBeReadYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a, b := inLog(t, log, "a"), inLog(t, log, "b")
		r := read(t, a, key, "")
		time.Sleep(time.Second)
		a.link.mu.Lock()
		a.link.blindTo = 1
		a.link.mu.Unlock()
		b.publish(t, key, 0)
		synctest.Wait()
		before := a.link.ops.Load()
		a.publish(t, key, 1)
		time.Sleep(time.Second)
		require.Less(t, a.link.ops.Load()-before, int64(3*time.Second/appendGap), "it does not spin")
		require.Empty(t, r.take())
		a.link.mu.Lock()
		a.link.blindTo = 0
		a.link.mu.Unlock()
		time.Sleep(time.Second)
		require.Equal(t, values(0, 2), r.take())
	})
}

// A server that was frozen appends nothing that is older than what others have said
// since.
func TestFrozenServer(t *testing.T) {
	t.Parallel()
	for name, inFlight := range map[string]bool{
		"with an append under way": true,
		"with a queue":             false,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &memLog{}
				a, b := inLog(t, log, "a"), inLog(t, log, "b")
				here, there := read(t, a, key, ""), read(t, b, key, "")
				time.Sleep(time.Second)
				a.link.freeze()
				if !inFlight {
					time.Sleep(readServing) // a read is under way
				}
				a.publish(t, key, 0)
				a.publish(t, "workflow:w2", 0)
				a.Send("revoke", "ann", nil)
				a.publish(t, key, 1)
				synctest.Wait()
				// The session is over, and b takes the work over.
				a.session.over.Store(true)
				b.publish(t, key, 2)
				time.Sleep(time.Second)
				require.Equal(t, []string{"2"}, there.take())

				a.session.renew()
				a.link.thaw()
				time.Sleep(storeTimeout)
				require.Contains(t, here.take(), "lost")
				require.Equal(t, []string{"lost"}, there.take(), "the reader is told that something is missing")
				var gaps, events int
				for _, m := range messages(log)[1:] {
					switch m {
					case "gap " + key:
						gaps++
					case "event " + key, "event workflow:w2":
						events++
					}
				}
				require.Contains(t, messages(log), "revoke ann", "what does not become old is sent")
				require.Contains(t, messages(log), "gap workflow:w2")
				require.Positive(t, gaps)
				require.Zero(t, events)
				require.EqualValues(t, 3, a.Stats().Gaps)

				a.publish(t, key, 3)
				time.Sleep(time.Second)
				require.Equal(t, []string{"3"}, here.take())
				require.Equal(t, []string{"3"}, there.take())
			})
		})
	}
}

// A machine that was suspended believes in its session until the next heartbeat.
func TestSessionThatWasOverUnnoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a, b := inLog(t, log, "a"), inLog(t, log, "b")
		r := read(t, b, key, "")
		time.Sleep(time.Second)
		b.publish(t, key, 2)
		a.publish(t, key, 1) // older than what b found out
		time.Sleep(time.Second)
		require.Contains(t, r.take(), "1")
		a.session.renew()
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"lost"}, r.take())
		require.Empty(t, r.take())
	})
}

func TestQueueThatIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		missed := 0
		a, b := inLog(t, log, "a"), newServer(t, &link{log: log}, "b", false)
		b.OnMissed(func() { missed++ })
		require.NoError(t, b.Join(t.Context()))
		b.start(t)
		r, small, quiet := read(t, b, key, ""), read(t, b, "workflow:small", ""), read(t, b, "workflow:quiet", "")
		time.Sleep(time.Second)
		a.link.freeze()
		a.publish(t, "workflow:first", 0)
		synctest.Wait()
		a.publish(t, "workflow:small", 0)
		a.Send("revoke", "ann", nil)
		big := strings.Repeat("x", 100<<10)
		for range 200 {
			a.publish(t, key, big)
			require.LessOrEqual(t, a.Stats().Queue, queueBytes)
		}
		require.Positive(t, a.Stats().Gaps)
		a.link.thaw()
		time.Sleep(3 * storeTimeout)
		require.Equal(t, "lost", r.take()[0])
		require.Equal(t, []string{"lost"}, small.take())
		require.Empty(t, quiet.take(), "it has lost nothing")
		require.Contains(t, messages(log), "revoke ann")
		require.Zero(t, missed)

		// So much that not even gaps fit.
		a.link.freeze()
		for i := range 2 * queueBytes / 100 {
			a.publish(t, fmt.Sprintf("workflow:%024x", i), 0)
		}
		a.link.thaw()
		time.Sleep(3 * storeTimeout)
		require.Equal(t, []string{"lost"}, quiet.take())
		require.Positive(t, missed)
		require.Zero(t, a.Stats().Queue)
	})
}

func TestMessagesThatAreTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memLog{}
		a := inLog(t, log, "a")
		a.publish(t, key, strings.Repeat("x", entryBytes))
		a.Send("big", "", make([]byte, entryBytes))
		a.publish(t, key, 1)
		time.Sleep(time.Second)
		require.Equal(t, []string{"gap " + key, "gap ", "event " + key}, messages(log))
	})
}

func TestGapsStandBeforeWhatFollows(t *testing.T) {
	t.Parallel()
	list := func(text string) (out []queued) {
		for _, w := range strings.Fields(text) {
			m := queued{RelayMessage: models.RelayMessage{Topic: models.TopicEvent, Key: w[1:]}, session: w[:1]}
			switch w[0] {
			case '-':
				m.Topic = models.TopicGap
			case '*':
				m.Topic = "revoke"
			}
			out = append(out, m)
		}
		return out
	}
	for name, tc := range map[string]struct {
		in, want string
		gaps     int
	}{
		"nothing":                      {"", "", 0},
		"all valid":                    {"vA vB *C vA", "vA vB *C vA", 0},
		"one gap for several":          {"oA oA oB oA", "-A -B", 4},
		"messages stay":                {"*A oA *A", "*A -A *A", 1},
		"later events follow":          {"oA vA vA", "-A vA vA", 1},
		"a later loss is a gap again":  {"oA vA oA", "-A vA -A", 2},
		"of another stream":            {"oA vB oA", "-A vB", 2},
		"gaps that are there already":  {"-A oA oA -A", "-A", 2},
		"a gap of all covers no event": {"- oA", "- -A", 1},
	} {
		t.Run(name, func(t *testing.T) {
			q := &queue{gaps: new(atomic.Int64)}
			got := withGaps(list(tc.in), func(m queued) bool { return m.session == "o" }, q.gaps)
			var text []string
			for _, m := range got {
				mark := m.session
				if m.Topic == models.TopicGap {
					mark = "-"
				}
				text = append(text, mark+m.Key)
			}
			require.Equal(t, tc.want, strings.Join(text, " "))
			require.EqualValues(t, tc.gaps, q.gaps.Load())
		})
	}
}
