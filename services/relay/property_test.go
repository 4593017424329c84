package relay

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/kubeorch/core/models"
)

const (
	propertyServers = 3
	propertyKeys    = 3
	propertyReaders = 6
)

// action is one step of a random history.
type action struct {
	What   string
	Server int
	Key    int
	Reader int
	N      int
}

func (a action) String() string {
	return fmt.Sprintf("%s server %d key %d reader %d n %d", a.What, a.Server, a.Key, a.Reader, a.N)
}

// world is several servers, what is stored, and readers who move between them.
type world struct {
	t       *testing.T
	log     *memLog
	servers []*server
	owner   []int                 // of each key: the server whose work it is to publish
	stored  []int                 // the state of each key
	ended   [propertyServers]bool // the session of this server, by others
	readers []*mover
	faults  []string
}

// mover is a reader of one stream that follows the state of its key.
type mover struct {
	*reader

	key   int
	state int
	place string // the id of the event or snapshot taken last
}

func streamOf(key int) string { return fmt.Sprintf("workflow:%d", key) }

func (w *world) faultf(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// do executes one step.
func (w *world) do(a action) {
	s := w.servers[a.Server]
	switch a.What {
	case "publish":
		for range a.N {
			w.stored[a.Key]++
			w.servers[w.owner[a.Key]].publish(w.t, streamOf(a.Key), w.stored[a.Key])
		}
	case "burst":
		for range 40 {
			w.stored[a.Key]++
			w.servers[w.owner[a.Key]].publish(w.t, streamOf(a.Key), w.stored[a.Key])
		}
	case "overflow":
		s.queue.mu.Lock()
		s.queue.collapse()
		s.queue.mu.Unlock()
	case "wait":
		time.Sleep(time.Duration(a.N) * time.Duration(a.N) * 10 * time.Millisecond)
	case "long wait":
		time.Sleep(time.Duration(a.N) * 10 * time.Second)
	case "read":
		w.read(w.readers[a.Reader])
	case "move":
		r := w.readers[a.Reader]
		w.read(r)
		r.reader.move(w.t, s, streamOf(r.key))
		w.read(r)
	case "fail":
		s.link.fail(a.N%3, a.N%5)
	case "freeze":
		s.link.freeze()
	case "thaw":
		s.link.thaw()
	case "silence": // the session does not last any more, as its holder counts
		s.session.over.Store(true)
	case "heartbeat":
		if !w.ended[a.Server] {
			s.session.over.Store(false)
		}
	case "take over": // others have ended the session
		if !s.session.over.Load() {
			return
		}
		w.ended[a.Server] = true
		for k := range w.owner {
			if w.owner[k] == a.Server {
				w.owner[k] = (a.Server + 1) % propertyServers
			}
		}
	case "renew session":
		if w.ended[a.Server] {
			w.ended[a.Server] = false
			s.session.renew()
		}
	case "hand over":
		if old := w.servers[w.owner[a.Key]]; old.queue.sentAll() {
			w.owner[a.Key] = a.Server
		}
	}
}

func (q *queue) sentAll() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.settled == q.sent
}

// read takes what there is for r and checks it against all that was ever appended.
func (w *world) read(r *mover) {
	seen := len(r.got)
	r.take()
	for i, value := range r.got[seen:] {
		id := r.ids[seen+i]
		if value == "lost" {
			r.state, r.place = w.stored[r.key], id
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			w.faultf("value %q", value)
		}
		w.follows(r, id)
		r.state, r.place = n, id
	}
}

// follows checks that no event of r's stream lies between r's place and the event id.
func (w *world) follows(r *mover, id string) {
	from, to := numberOf(r.place), numberOf(id)
	if to <= from {
		w.faultf("after %s came %s", r.place, id)
	}
	for _, e := range w.log.past() {
		for i, m := range e.Messages {
			between := from < number(e.N, i) && number(e.N, i) < to
			if between && m.Key == streamOf(r.key) && (m.Topic == models.TopicEvent || m.Topic == models.TopicGap) {
				w.faultf("from %s to %s, and %s %d is missing", r.place, id, m.Topic, number(e.N, i))
			}
		}
	}
}

func numberOf(id string) uint64 {
	_, digits, _ := strings.Cut(id, "-")
	n, _ := strconv.ParseUint(digits, 10, 64)
	return n
}

// play runs a history, has everything heal, and returns what was wrong.
func play(t *testing.T, actions []action) []string {
	w := &world{t: t, log: &memLog{}, owner: make([]int, propertyKeys), stored: make([]int, propertyKeys)}
	for i := range propertyServers {
		w.servers = append(w.servers, inLog(t, w.log, strconv.Itoa(i)))
	}
	for i := range propertyReaders {
		key := i % propertyKeys
		r := &mover{reader: read(t, w.servers[i%propertyServers], streamOf(key), ""), key: key}
		r.place = r.lastID
		w.readers = append(w.readers, r)
	}
	for _, a := range actions {
		w.do(a)
		synctest.Wait()
	}
	for _, s := range w.servers {
		s.link.fail(0, 0)
		s.link.thaw()
	}
	for i := range w.servers {
		w.do(action{What: "heartbeat", Server: i})
		w.do(action{What: "renew session", Server: i})
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	for i, r := range w.readers {
		w.read(r)
		if r.state != w.stored[r.key] {
			w.faultf("reader %d shows %d of key %d, and %d is stored", i, r.state, r.key, w.stored[r.key])
		}
	}
	return w.faults
}

// However servers fail and readers move, each reader takes the events of a stream in
// their order, is told whenever one is missing, and ends with the state that is
// stored.
func TestNothingIsLostInSilence(t *testing.T) {
	steps := []string{
		"publish", "publish", "publish", "publish", "burst", "wait", "wait", "wait", "long wait", "read", "read", "move", "move",
		"fail", "freeze", "thaw", "thaw", "silence", "take over", "renew session", "heartbeat", "hand over", "overflow",
	}
	one := rapid.Custom(func(rt *rapid.T) action {
		return action{
			What: rapid.SampledFrom(steps).Draw(rt, "what"), Server: rapid.IntRange(0, propertyServers-1).Draw(rt, "server"),
			Key: rapid.IntRange(0, propertyKeys-1).Draw(rt, "key"), Reader: rapid.IntRange(0, propertyReaders-1).Draw(rt, "reader"),
			N: rapid.IntRange(1, 15).Draw(rt, "n"),
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		actions := rapid.SliceOfN(one, 1, 80).Draw(rt, "actions")
		var faults []string
		synctest.Test(t, func(t *testing.T) { faults = play(t, actions) })
		if len(faults) > 0 {
			rt.Fatalf("%s", strings.Join(faults, "\n"))
		}
	})
}
