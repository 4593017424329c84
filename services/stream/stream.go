package stream

import (
	"container/list"
	"encoding/json"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

// resyncSpread is the time over which readers of many streams are told that they
// need snapshots, so that the database does not get all their queries at once.
const resyncSpread = time.Second

// eventStream is the recent past of one stream and those who read it.
//
// Readers are not sent anything: each has a place among the numbers of the events
// and takes what is behind it. So publishing costs the same however slow a reader
// is, and one whose place is no longer remembered knows that it missed something.
type eventStream struct {
	key   string
	place idlePlace // guarded by the broadcaster

	mu       sync.Mutex
	epoch    string // of its numbers
	relayed  bool   // its numbers are those of the log; else it counts by itself
	era      int    // raised when all readers need a snapshot
	ring     []numbered
	oldest   int    // where the ring begins
	used     int    // events in the ring
	size     int    // bytes in the ring
	last     uint64 // number of the newest event
	complete uint64 // all events behind this number are in the ring
	subs     map[*Subscription]struct{}
	lastWake time.Time
	waking   *time.Timer // set while a wake-up is planned
}

// numbered is an event: its number and its frame.
type numbered struct {
	n     uint64
	frame []byte
}

// idlePlace is the place of a stream among those without readers.
type idlePlace struct {
	element *list.Element // nil: it has readers
	since   time.Time
	counted int // its bytes in the sum
}

// publish adds an event with the next number. It refuses when the numbers come from
// the log.
func (s *eventStream) publish(event string, payload json.RawMessage, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.relayed {
		return false
	}
	s.add(s.last+1, event, payload, now)
	return true
}

// deliver adds the event with number n of the log, and returns the bytes in the ring.
func (s *eventStream) deliver(n uint64, event string, payload json.RawMessage) (size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(n, event, payload, time.Now())
	return s.size
}

// add needs s.mu.
func (s *eventStream) add(n uint64, event string, payload json.RawMessage, now time.Time) {
	frame := models.StreamFrame(s.id(n), event, payload)
	s.makeRoom(len(frame))
	*s.at(s.used) = numbered{n, frame}
	s.used++
	s.size += len(frame)
	s.last = n
	if len(s.subs) > 0 {
		s.planWake(wakeGap-now.Sub(s.lastWake), now)
	}
}

// at is the place of the ith event, counted from the oldest. It needs s.mu.
func (s *eventStream) at(i int) *numbered { return &s.ring[(s.oldest+i)%len(s.ring)] }

// makeRoom lets the ring take one more frame of the given size.
func (s *eventStream) makeRoom(size int) {
	if s.used == len(s.ring) && s.used < replayEvents {
		s.grow(max(16, 2*s.used))
	}
	for s.used > 0 && (s.used == len(s.ring) || s.size+size > replayBytes) {
		gone := s.at(0)
		s.size -= len(gone.frame)
		s.complete = gone.n
		*gone = numbered{}
		s.oldest = (s.oldest + 1) % len(s.ring)
		s.used--
	}
}

func (s *eventStream) grow(to int) {
	ring := make([]numbered, min(to, replayEvents))
	for i := range s.used {
		ring[i] = *s.at(i)
	}
	s.ring, s.oldest = ring, 0
}

// restart empties the stream: its numbers belong to epoch from now on, and what
// follows n will be complete. All readers get a snapshot.
func (s *eventStream) restart(epoch string, relayed bool, n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch, s.relayed, s.last, s.complete = epoch, relayed, n, n
	s.ring, s.oldest, s.used, s.size = nil, 0, 0, 0
	s.era++
	if len(s.subs) > 0 {
		s.planWake(rand.N(resyncSpread), time.Now()) //nolint:gosec // jitter needs no secrecy
	}
}

// planWake wakes the readers after wait, unless that is planned already. It needs
// s.mu.
func (s *eventStream) planWake(wait time.Duration, now time.Time) {
	switch {
	case s.waking != nil:
	case wait <= 0:
		s.wake(now)
	default:
		s.waking = time.AfterFunc(wait, s.wakeLate)
	}
}

func (s *eventStream) wakeLate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waking != nil {
		s.waking = nil
		s.wake(time.Now())
	}
}

// wake needs s.mu.
func (s *eventStream) wake(now time.Time) {
	s.lastWake = now
	for sub := range s.subs {
		sub.signal()
	}
}

// join adds a reader that continues behind the event lastID.
func (s *eventStream) join(b *Broadcaster, lastID string) *Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := &Subscription{broadcaster: b, stream: s, ready: make(chan struct{}, 1)}
	sub.settle()
	if lastID != "" {
		sub.resume(lastID)
	}
	if s.subs == nil {
		s.subs = make(map[*Subscription]struct{})
	}
	s.subs[sub] = struct{}{}
	return sub
}

// id returns the id of event n. Ids grow within an epoch.
func (s *eventStream) id(n uint64) string { return eventID(s.epoch, n) }

func eventID(epoch string, n uint64) string { return epoch + "-" + strconv.FormatUint(n, 10) }

// number returns the number in an id of this epoch. It needs s.mu.
func (s *eventStream) number(id string) (n uint64, ok bool) {
	epoch, digits, _ := strings.Cut(id, "-")
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && epoch == s.epoch
}

// behind appends the events behind place to frames, until they have takeBytes, and
// returns the number of the last one. It needs s.mu.
func (s *eventStream) behind(place uint64, frames [][]byte) (_ [][]byte, last uint64) {
	if place >= s.last {
		return frames, place
	}
	// No more events than numbers can be behind place.
	from := s.used - int(min(uint64(s.used), s.last-place))
	i := from + sort.Search(s.used-from, func(i int) bool { return s.at(from+i).n > place })
	for size := 0; i < s.used && size < takeBytes; i++ {
		e := s.at(i)
		frames, place = append(frames, e.frame), e.n
		size += len(e.frame)
	}
	return frames, place
}

func (s *eventStream) remove(sub *Subscription) (readers, size int, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub.stopWaiting()
	delete(s.subs, sub)
	return len(s.subs), s.size, s.last
}

func (s *eventStream) newest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// stop ends the stream's timer.
func (s *eventStream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waking != nil {
		s.waking.Stop()
		s.waking = nil
	}
}
