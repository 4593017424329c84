package stream

import (
	"sync"
	"time"
)

// lateWait is how long a reader that has seen more than this server waits for the
// server to catch up. It then gets a snapshot.
const lateWait = 3 * time.Second

// Subscription is one reader's place in a stream. Its methods are for one
// goroutine, except Close.
type Subscription struct {
	broadcaster *Broadcaster
	stream      *eventStream
	epoch       string // of place
	era         int    // of the stream, when place was chosen
	place       uint64 // number of the last event that was taken, or came before this reader
	missed      bool   // events behind what the reader has seen are gone
	late        *time.Timer
	lateUntil   time.Time // set with late, while place is ahead of this server
	ready       chan struct{}
	closing     sync.Once
}

// Ready is signalled when Take has something to say.
func (s *Subscription) Ready() <-chan struct{} { return s.ready }

// Closed is closed when the broadcaster ends; events that were published
// before may still be taken.
func (s *Subscription) Closed() <-chan struct{} { return s.broadcaster.closed }

// Position returns the id of the event before the next one, which is the id
// of a snapshot taken now.
func (s *Subscription) Position() string {
	if s.place == 0 {
		return ""
	}
	return eventID(s.epoch, s.place)
}

// Take appends frames published since the last call to buf, oldest first, and at
// most some 128 KB of them; Ready is then signalled for the rest. Frames are shared
// by all readers and must not be changed. When events were
// lost it appends nothing and says so; the reader then continues with the
// events behind Position and needs a snapshot taken after this call.
func (s *Subscription) Take(buf [][]byte) (frames [][]byte, lost bool) {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	lagged := false
	switch {
	case s.missed, s.era != s.stream.era, s.overdue():
	case s.place < s.stream.complete:
		lagged = true
	default:
		if frames, s.place = s.stream.behind(s.place, buf); s.place < s.stream.last {
			s.signal()
		}
		return frames, false
	}
	s.settle()
	s.broadcaster.resyncs.Add(1)
	if lagged {
		s.broadcaster.lagged.Add(1)
	}
	return buf, true
}

// settle puts the reader behind everything that this server has. It needs the
// stream's mu.
func (s *Subscription) settle() {
	s.stopWaiting()
	s.epoch, s.era, s.place, s.missed = s.stream.epoch, s.stream.era, s.stream.last, false
	if s.stream.relayed {
		s.place = max(s.place, s.broadcaster.processed.Load())
	}
}

// resume puts a new reader behind the event lastID, where it can go on from there.
// It needs the stream's mu.
func (s *Subscription) resume(lastID string) {
	n, ok := s.stream.number(lastID)
	switch {
	case !ok, n < s.stream.complete, n > s.place && !s.stream.relayed:
		s.missed = true
	case n > s.place:
		s.lateUntil = time.Now().Add(lateWait)
		s.late = time.AfterFunc(lateWait, s.signal)
		fallthrough
	default:
		s.place = n
	}
	s.signal()
}

// overdue reports whether the reader has waited in vain for the server to come as
// far as the reader is. It needs the stream's mu.
func (s *Subscription) overdue() bool {
	if s.late == nil {
		return false
	}
	behind := s.broadcaster.processed.Load() < s.place
	if behind && time.Now().Before(s.lateUntil) {
		return false
	}
	s.stopWaiting()
	return behind
}

// stopWaiting needs the stream's mu.
func (s *Subscription) stopWaiting() {
	if s.late != nil {
		s.late.Stop()
		s.late = nil
	}
}

// Close gives the place up. Further calls do nothing.
func (s *Subscription) Close() {
	s.closing.Do(func() { s.broadcaster.leave(s) })
}

func (s *Subscription) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}
