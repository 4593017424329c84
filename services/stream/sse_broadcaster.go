package stream

import (
	"container/list"
	"crypto/rand"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// replayEvents and replayBytes bound what a stream remembers. A reader
	// that is further behind gets a snapshot instead.
	replayEvents = 512
	replayBytes  = 1 << 20

	// takeBytes is when a reader takes no further event, so that one that is slow
	// to write them holds little.
	takeBytes = 128 << 10

	// wakeGap is the least time between two wake-ups of a stream's readers.
	// The first event after a quiet time goes out at once; those of a burst
	// share one write a reader, which is what a write costs most for.
	wakeGap = 100 * time.Millisecond

	// closeWait is how long Close waits for readers to take their leave.
	closeWait = 3 * time.Second
)

// Broadcaster hands events to the readers of streams. A stream is named by
// a key such as "workflow:<id>" and exists while somebody reads it and a
// little longer. All methods may be called from many goroutines.
type Broadcaster struct {
	epoch  string // differs in every process, so that ids of another one are recognised
	closed chan struct{}
	relay  relay // nil: this server is always alone

	mu      sync.RWMutex
	streams map[string]*eventStream
	serial  uint64 // streams numbered by this process so far
	shared  shared
	idle    idleStreams
	readers sync.WaitGroup

	processed atomic.Uint64 // the last number of the log that has been delivered; changed under mu

	subscribers, published, lagged, resyncs atomic.Int64
}

// Stats are the broadcaster's figures.
type Stats struct {
	Streams     int   // known now, with or without readers
	Subscribers int64 // reading now
	Published   int64 // events that this server published since the start
	Lagged      int64 // times a reader fell out of the replay buffer
	Resyncs     int64 // snapshots asked for: by Lagged, by unknown event ids, and for what was lost between servers
}

// NewBroadcaster returns a broadcaster without streams, for a server that is
// alone. It runs nothing until somebody subscribes; Close ends it.
func NewBroadcaster() *Broadcaster {
	return &Broadcaster{
		epoch:   strings.ToLower(rand.Text()[:10]),
		closed:  make(chan struct{}),
		streams: make(map[string]*eventStream),
		idle:    idleStreams{list: list.New()},
	}
}

// Publish hands an event to every reader of the stream key, in the order of
// the calls. It never blocks on a reader. data is encoded once and may be
// changed after the call; an error means that it cannot be encoded. An event
// for a stream that nobody knows is forgotten, if this server is alone.
func (b *Broadcaster) Publish(key, event string, data any) error {
	return b.publish(key, event, func(now time.Time) any {
		kind, _, _ := strings.Cut(key, ":")
		return models.StreamEvent{Type: kind, StreamKey: key, EventType: event, Timestamp: now.UTC(), Data: data}
	})
}

// PublishBare is Publish for streams whose events have no envelope.
func (b *Broadcaster) PublishBare(key, event string, data any) error {
	return b.publish(key, event, func(time.Time) any { return data })
}

// publish publishes what dataAt returns, which is called only if the event goes
// anywhere.
func (b *Broadcaster) publish(key, event string, dataAt func(now time.Time) any) error {
	b.published.Add(1)
	var s *eventStream
	alone := b.relay == nil || b.relay.Alone()
	if alone {
		if s = b.find(key); s == nil {
			return nil
		}
	}
	now := time.Now()
	payload, err := json.Marshal(dataAt(now))
	if err != nil {
		return &models.Error{Op: "stream.Broadcaster.publish", Err: err}
	}
	b.route(alone, s, key, event, payload, now)
	return nil
}

// Subscribe starts reading the stream key behind the event lastID, or with the
// next event when lastID is empty. Events published after it returns are not
// missed, so take a snapshot after it. When lastID is not remembered the first
// Take asks for a snapshot. The caller must Close the subscription.
func (b *Broadcaster) Subscribe(key, lastID string) (*Subscription, error) {
	sub, err := b.join(key, lastID)
	if err == nil && sub.late != nil {
		b.relay.Nudge()
	}
	return sub, err
}

func (b *Broadcaster) join(key, lastID string) (*Subscription, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isClosed() {
		return nil, &models.Error{Op: "stream.Broadcaster.Subscribe", Kind: models.Unavailable, Msg: "the server is stopping"}
	}
	s := b.streams[key]
	if s == nil {
		s = b.open(key)
	}
	b.idle.remove(s)
	b.subscribers.Add(1)
	b.readers.Add(1)
	return s.join(b, lastID), nil
}

// open adds the stream key. It needs b.mu.
func (b *Broadcaster) open(key string) *eventStream {
	s := &eventStream{key: key, epoch: b.shared.epoch, relayed: b.shared.on, complete: b.shared.floor, last: b.shared.floor}
	if !b.shared.on {
		s.epoch = b.ownEpoch()
	}
	b.streams[key] = s
	return s
}

// ownEpoch returns a new epoch for a stream that this process numbers. It needs
// b.mu.
func (b *Broadcaster) ownEpoch() string {
	b.serial++
	return b.epoch + strconv.FormatUint(b.serial, 36)
}

// Close ends every stream: their subscriptions report Closed, and later calls
// of Subscribe fail. It waits until all subscriptions are closed, though not
// for longer than a few seconds. Further calls do nothing. Events that are
// published later still reach the readers of other servers.
func (b *Broadcaster) Close() {
	if !b.shut() {
		return
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		b.readers.Wait()
	}()
	select {
	case <-left:
	case <-time.After(closeWait):
	}
}

// shut reports whether it ended the streams, or they had ended before.
func (b *Broadcaster) shut() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isClosed() {
		return false
	}
	close(b.closed)
	b.idle.stop()
	for _, s := range b.streams {
		s.stop()
	}
	clear(b.streams)
	return true
}

// Stats returns the figures of this moment.
func (b *Broadcaster) Stats() Stats {
	b.mu.RLock()
	n := len(b.streams)
	b.mu.RUnlock()
	return Stats{
		Streams: n, Subscribers: b.subscribers.Load(), Published: b.published.Load(),
		Lagged: b.lagged.Load(), Resyncs: b.resyncs.Load(),
	}
}

func (b *Broadcaster) find(key string) *eventStream {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.streams[key]
}

// isClosed needs b.mu.
func (b *Broadcaster) isClosed() bool {
	select {
	case <-b.closed:
		return true
	default:
		return false
	}
}

// leave takes sub off its stream and sees to it that a stream without readers
// is forgotten: at once when that changes nothing for a reader who comes back, else
// after a while.
func (b *Broadcaster) leave(sub *Subscription) {
	defer b.readers.Done()
	b.mu.Lock()
	defer b.mu.Unlock()
	s := sub.stream
	readers, size, last := s.remove(sub)
	b.subscribers.Add(-1)
	switch {
	case readers > 0 || b.isClosed():
	case last > b.shared.floor:
		b.idle.touch(s, size, b.expire)
		b.bound()
	default:
		delete(b.streams, s.key)
	}
}
