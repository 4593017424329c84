package stream

import (
	"encoding/json"
	"time"
)

// relay brings events to the readers of all servers.
type relay interface {
	// Alone reports whether all readers are on this server, so that events need not
	// be relayed.
	Alone() bool
	// Publish hands an event to all servers, this one included, and never blocks. It
	// refuses while this server is alone.
	Publish(key, event string, payload []byte) bool
	// Nudge asks the relay to look for news at once.
	Nudge()
}

// shared is what the broadcaster knows of the log while it gets its events from there.
type shared struct {
	on    bool
	epoch string // of the log
	floor uint64 // streams that are not known had no event behind this number
}

// Attach lets r carry the events whenever this server is not alone. r calls Share
// before it delivers anything, and from then on each event has its number in the
// log. Attach is called once, before the broadcaster is used.
func (b *Broadcaster) Attach(r relay) { b.relay = r }

// route hands an event to the readers of this server, or to those of all servers.
//
// The two change while events are published. An event that both refuse was
// published in the middle of a change, after which all readers get a snapshot of a
// state that is stored by then.
func (b *Broadcaster) route(alone bool, s *eventStream, key, event string, payload json.RawMessage, now time.Time) {
	if alone && s.publish(event, payload, now) || b.relay.Publish(key, event, payload) {
		return
	}
	if s := b.find(key); s != nil {
		s.publish(event, payload, now)
	}
}

// Share is called by the relay when events come from the log from now on: those
// behind number n of the given epoch. All readers get a snapshot. It may be called
// again when the log cannot be followed from where it was.
func (b *Broadcaster) Share(epoch string, n uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.restart(shared{on: true, epoch: epoch, floor: n}, n)
}

// Unshare is called by the relay when this server is alone from now on. All readers
// get a snapshot.
func (b *Broadcaster) Unshare() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.restart(shared{}, 0)
}

// restart forgets all events. It needs b.mu.
func (b *Broadcaster) restart(to shared, n uint64) {
	b.shared = to
	b.processed.Store(n)
	for _, s := range b.streams {
		switch {
		case s.place.element != nil:
			b.idle.remove(s)
			s.stop()
			delete(b.streams, s.key)
		case to.on:
			s.restart(to.epoch, true, n)
		default:
			s.restart(b.ownEpoch(), false, 0)
		}
	}
}

// Deliver is called by the relay for each event of the log, in the order of their
// numbers, after Share.
func (b *Broadcaster) Deliver(n uint64, key, event string, payload []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isClosed() {
		return
	}
	s := b.streams[key]
	unread := s == nil || s.place.element != nil
	if s == nil {
		s = b.open(key)
	}
	if size := s.deliver(n, event, payload); unread {
		b.idle.touch(s, size, b.expire)
		b.bound()
	}
	b.processed.Store(n)
}

// Gap is called by the relay in place of Deliver when events of the stream key were
// lost, or, with an empty key, of any stream. The readers get a snapshot.
func (b *Broadcaster) Gap(n uint64, key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch s := b.streams[key]; {
	case b.isClosed():
	case key == "":
		b.restart(shared{on: true, epoch: b.shared.epoch, floor: n}, n)
	case s != nil:
		s.restart(b.shared.epoch, true, n)
	default:
		s := b.open(key)
		s.restart(b.shared.epoch, true, n)
		b.idle.touch(s, 0, b.expire)
		b.bound()
	}
	b.processed.Store(n)
}

// Advance is called by the relay when everything up to number n has been delivered.
func (b *Broadcaster) Advance(n uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.processed.Store(n)
}

// Readers returns the number of subscriptions.
func (b *Broadcaster) Readers() int64 { return b.subscribers.Load() }
