package stream

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

// eventStream is the recent past of one stream and those who read it.
//
// Readers are not sent anything: each has a place in the ring and takes from
// there what is new. So publishing costs the same however slow a reader is,
// and one that finds its place overwritten knows that it missed something.
type eventStream struct {
	key   string
	epoch string // tells this stream's event ids from those of an earlier one

	mu       sync.Mutex
	ring     [][]byte // frames; event n is at n modulo its length, which grows to replayEvents
	first    uint64   // oldest event remembered
	next     uint64   // number of the next event
	size     int      // bytes in the ring
	subs     map[*Subscription]struct{}
	lastWake time.Time
	waking   *time.Timer // set while a wake-up is planned
	expiry   *time.Timer // set while nobody reads
}

func (s *eventStream) publish(event string, payload json.RawMessage, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frame := models.StreamFrame(s.id(s.next), event, payload)
	s.makeRoom(len(frame))
	s.ring[s.next%uint64(len(s.ring))] = frame
	s.size += len(frame)
	s.next++

	switch wait := wakeGap - now.Sub(s.lastWake); {
	case s.waking != nil:
	case wait <= 0:
		s.wake(now)
	default:
		s.waking = time.AfterFunc(wait, s.wakeLate)
	}
}

// makeRoom lets the ring take one more frame of the given size.
func (s *eventStream) makeRoom(size int) {
	if used := int(s.next - s.first); used == len(s.ring) && used < replayEvents {
		s.grow(max(16, 2*used))
	}
	for s.first < s.next && (int(s.next-s.first) == len(s.ring) || s.size+size > replayBytes) {
		at := s.first % uint64(len(s.ring))
		s.size -= len(s.ring[at])
		s.ring[at] = nil
		s.first++
	}
}

func (s *eventStream) grow(to int) {
	ring := make([][]byte, min(to, replayEvents))
	for n := s.first; n < s.next; n++ {
		ring[n%uint64(len(ring))] = s.ring[n%uint64(len(s.ring))]
	}
	s.ring = ring
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
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	sub := &Subscription{broadcaster: b, stream: s, place: s.next, ready: make(chan struct{}, 1)}
	if lastID != "" {
		n, known := s.number(lastID)
		if sub.missed = !known; known {
			sub.place = n + 1
		}
		sub.signal()
	}
	if s.subs == nil {
		s.subs = make(map[*Subscription]struct{})
	}
	s.subs[sub] = struct{}{}
	return sub
}

// id returns the id of event n. Ids grow within an epoch.
func (s *eventStream) id(n uint64) string {
	return s.epoch + "-" + strconv.FormatUint(n, 10)
}

// number returns which event has the given id. known is false for ids of
// another epoch, and when the event behind it is no longer remembered.
func (s *eventStream) number(id string) (n uint64, known bool) {
	epoch, digits, _ := strings.Cut(id, "-")
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && epoch == s.epoch && n+1 >= s.first && n < s.next
}

// take appends events from place on to frames, until they have takeBytes, and
// returns the number of the event after them. more tells that it is there. ok is
// false when some of the events are no longer remembered.
func (s *eventStream) take(frames [][]byte, place uint64) (_ [][]byte, next uint64, more, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if place < s.first {
		return frames, s.next, false, false
	}
	next = place
	for size := 0; next < s.next && size < takeBytes; next++ {
		frame := s.ring[next%uint64(len(s.ring))]
		frames = append(frames, frame)
		size += len(frame)
	}
	return frames, next, next < s.next, true
}

func (s *eventStream) remove(sub *Subscription) (readers int, remembers bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subs, sub)
	return len(s.subs), s.next > s.first
}

func (s *eventStream) readers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.subs)
}

func (s *eventStream) forgetLater(forget func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expiry = time.AfterFunc(replayKeep, forget)
}

// stop ends the stream's timers.
func (s *eventStream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range []*time.Timer{s.waking, s.expiry} {
		if t != nil {
			t.Stop()
		}
	}
	s.waking, s.expiry = nil, nil
}
