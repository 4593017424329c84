package relay

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kubeorch/core/models"
)

// logStore stores the log. Append is a Conflict when the entry's number is taken.
type logStore interface {
	Epoch(ctx context.Context) (string, error)
	Append(ctx context.Context, e models.RelayEntry) error
	After(ctx context.Context, n int64, limit int) ([]models.RelayEntry, error)
	Newest(ctx context.Context) (int64, error)
	DeleteThrough(ctx context.Context, n int64) error
}

// session is this process among the servers of the database.
type session interface {
	// Alone reports whether no other server uses the database. It turns false before
	// another one may have listened, also when this process was frozen meanwhile.
	Alone() bool
	// ID is that of the present session, or empty.
	ID() string
	// Valid reports whether the session id lasts at this moment.
	Valid(id string) bool
}

// sink takes the events of all servers in the order of their numbers; see
// stream.Broadcaster.
type sink interface {
	Share(epoch string, n uint64)
	Unshare()
	Deliver(n uint64, key, event string, payload []byte)
	Gap(n uint64, key string)
	Advance(n uint64)
}

// Deps is what a Relay works with.
type Deps struct {
	Store   logStore
	Session session
	Sink    sink
	Readers func() int64 // of streams on this server now
	Log     *slog.Logger
}

// Relay carries messages between the servers of one database. It is safe for
// concurrent use.
type Relay struct {
	deps     Deps
	id       string // of this process in the log
	begun    time.Time
	queue    queue
	handlers map[string]func(key string, data []byte)
	missed   []func()
	wake     chan struct{} // has Run look what is to be done
	nudged   atomic.Bool   // Run is to read at once
	unlogged atomic.Bool   // events may have reached readers of this server and not the log
	busy     chan struct{} // held by whoever uses place
	place    place

	appended, received, gaps atomic.Int64
	levelAt                  atomic.Int64 // when the log was last read to its end, since begun; 0: not in the log
}

// Stats are the figures of a relay. The first three count messages since the start.
type Stats struct {
	Appended int64         // to the log
	Received int64         // from other servers
	Gaps     int64         // events that this server had to replace by a gap
	Queue    int           // bytes that wait to be appended
	Lag      time.Duration // since the log was last known to be read to its end; 0 while alone
}

// New returns a relay for a server that is alone until Join is called. Run must be
// running for messages to go out and come in.
func New(deps Deps) *Relay {
	r := &Relay{
		deps: deps, id: strings.ToLower(rand.Text()[:10]), begun: time.Now(),
		handlers: map[string]func(string, []byte){},
		wake:     make(chan struct{}, 1), busy: make(chan struct{}, 1),
	}
	r.queue.gaps = &r.gaps
	return r
}

// On has f called for each message of topic that another server sends, in the order
// of the log. f runs on the goroutine of the relay, and everything behind the
// message waits for it, so it must not block; it may Send. It must bear a message
// twice, and one that is two minutes old when the server starts. On is called
// before Join and Run.
func (r *Relay) On(topic string, f func(key string, data []byte)) { r.handlers[topic] = f }

// OnMissed has f called when messages of other servers may have been lost: this
// server was away for too long, or one of them could not send them. What they would
// have said has to be looked up in the database. f must not block. OnMissed is
// called before Join and Run.
func (r *Relay) OnMissed(f func()) { r.missed = append(r.missed, f) }

// Alone reports whether all readers of streams are on this server. From the first
// false on it stays false until the relay has left the log.
func (r *Relay) Alone() bool {
	if r.relaying() {
		return false
	}
	// Whoever joins after this line sees it, and whoever joined before it is seen by
	// the next one.
	r.unlogged.Store(true)
	return !r.queue.isOpen()
}

// relaying reports whether messages go to the queue, and has them do so as soon as
// this server may not be alone.
func (r *Relay) relaying() bool {
	if r.queue.isOpen() {
		return true
	}
	if r.deps.Session.Alone() || !r.queue.begin() {
		return false
	}
	r.signal() // Run joins
	return true
}

// Send hands a message of topic to the handlers of all other servers. It never
// blocks, and does nothing while this server is alone. data must not be changed
// afterwards. When the message cannot be delivered, the others are told that they
// missed something.
func (r *Relay) Send(topic, key string, data []byte) {
	if r.relaying() {
		r.put(models.RelayMessage{Topic: topic, Key: key, Data: data})
	}
}

// Publish hands an event to the sinks of all servers, this one included, and never
// blocks. It refuses while this server is alone. payload must not be changed
// afterwards.
func (r *Relay) Publish(key, event string, payload []byte) bool {
	return r.put(models.RelayMessage{Topic: models.TopicEvent, Key: key, Event: event, Data: payload})
}

// Resync has all readers of a stream, on all servers, read the present state again;
// with an empty key, those of all streams.
// It does nothing while this server is alone.
func (r *Relay) Resync(key string) { r.put(models.RelayMessage{Topic: models.TopicGap, Key: key}) }

func (r *Relay) put(m models.RelayMessage) bool {
	if !r.queue.put(queued{RelayMessage: m, session: r.deps.Session.ID()}) {
		return false
	}
	r.signal()
	return true
}

// Flush returns when everything that was published and sent before is in the log, or
// will never be. Work that another server takes over is flushed first: what the other
// one publishes then comes later. At most, ctx says how long that takes.
func (r *Relay) Flush(ctx context.Context) error {
	if err := r.queue.wait(ctx); err != nil {
		return &models.Error{Op: "relay.Relay.Flush", Kind: models.Unavailable, Msg: "the other servers cannot be reached", Err: err}
	}
	return nil
}

// Nudge has the log read at once.
func (r *Relay) Nudge() {
	r.nudged.Store(true)
	r.signal()
}

// Stats returns the figures of this moment.
func (r *Relay) Stats() Stats {
	s := Stats{Appended: r.appended.Load(), Received: r.received.Load(), Gaps: r.gaps.Load(), Queue: r.queue.size()}
	if at := r.levelAt.Load(); at > 0 {
		s.Lag = time.Since(r.begun) - time.Duration(at)
	}
	return s
}

func (r *Relay) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// lock waits until nobody else uses r.place.
func (r *Relay) lock(ctx context.Context) error {
	select {
	case r.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &models.Error{Op: "relay.Relay", Kind: models.Unavailable, Msg: "the other servers cannot be reached", Err: ctx.Err()}
	}
}

func (r *Relay) unlock() { <-r.busy }
