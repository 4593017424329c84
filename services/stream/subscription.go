package stream

import "sync"

// Subscription is one reader's place in a stream. Its methods are for one
// goroutine, except Close.
type Subscription struct {
	broadcaster *Broadcaster
	stream      *eventStream
	place       uint64 // number of the event to take next
	missed      bool   // events before place were asked for and are gone
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
	return s.stream.id(s.place - 1)
}

// Take appends frames published since the last call to buf, oldest first, and at
// most some 128 KB of them; Ready is then signalled for the rest. Frames are shared
// by all readers and must not be changed. When events were
// lost it appends nothing and says so; the reader then continues with the
// events behind Position and needs a snapshot taken after this call.
func (s *Subscription) Take(buf [][]byte) (frames [][]byte, lost bool) {
	if s.missed {
		s.missed = false
		s.signal() // for what was published since
		s.broadcaster.resyncs.Add(1)
		return buf, true
	}
	frames, next, more, ok := s.stream.take(buf, s.place)
	if s.place = next; more {
		s.signal()
	}
	if !ok {
		s.broadcaster.lagged.Add(1)
		s.broadcaster.resyncs.Add(1)
	}
	return frames, !ok
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
