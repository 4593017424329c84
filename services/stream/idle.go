package stream

import (
	"container/list"
	"time"
)

const (
	// replayKeep is how long the events of a stream without readers stay, so
	// that a browser that lost its connection can go on where it was.
	replayKeep = 2 * time.Minute

	// idleBytes bounds what streams without readers remember, all together.
	idleBytes = 32 << 20

	// streamBytes is about what a stream takes besides its frames.
	streamBytes = 512
)

// idleStreams are the streams without readers. The first to go is the one for which
// least has happened lately. The broadcaster's mu guards them.
type idleStreams struct {
	list  *list.List // of *eventStream
	bytes int
	timer *time.Timer // set while there are some
}

// touch puts s at the end of the list, with size bytes of frames. expire is called
// when the first stream may be due.
func (i *idleStreams) touch(s *eventStream, size int, expire func()) {
	if s.place.element == nil {
		s.place.element = i.list.PushBack(s)
	} else {
		i.list.MoveToBack(s.place.element)
	}
	size += streamBytes
	i.bytes += size - s.place.counted
	s.place.counted, s.place.since = size, time.Now()
	if i.timer == nil {
		i.timer = time.AfterFunc(replayKeep, expire)
	}
}

// remove takes s off the list, on which it may not be.
func (i *idleStreams) remove(s *eventStream) {
	if s.place.element == nil {
		return
	}
	i.list.Remove(s.place.element)
	i.bytes -= s.place.counted
	s.place = idlePlace{}
	if i.list.Len() == 0 {
		i.stop()
	}
}

// first returns the stream that goes first, or nil.
func (i *idleStreams) first() *eventStream {
	if e := i.list.Front(); e != nil {
		return e.Value.(*eventStream)
	}
	return nil
}

func (i *idleStreams) stop() {
	if i.timer != nil {
		i.timer.Stop()
		i.timer = nil
	}
}

// expire forgets the streams that have been idle for long enough.
func (b *Broadcaster) expire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.idle.stop()
	if b.isClosed() {
		return
	}
	for s := b.idle.first(); s != nil; s = b.idle.first() {
		if rest := replayKeep - time.Since(s.place.since); rest > 0 {
			b.idle.timer = time.AfterFunc(rest, b.expire)
			return
		}
		b.forget(s)
	}
}

// bound forgets idle streams until the others fit. It needs b.mu.
func (b *Broadcaster) bound() {
	for b.idle.bytes > idleBytes {
		b.forget(b.idle.first())
	}
}

// forget drops an idle stream. It needs b.mu.
func (b *Broadcaster) forget(s *eventStream) {
	b.idle.remove(s)
	s.stop()
	delete(b.streams, s.key)
	if b.shared.on {
		b.shared.floor = max(b.shared.floor, s.newest())
	}
}
