package podlog

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// feedBytes is how much a feed keeps for viewers that are slow.
	feedBytes = 2 << 20
	// feedLines is the same in lines.
	feedLines = 20_000
	// allFeedBytes is what all feeds keep together, but for one line each.
	allFeedBytes = 128 << 20
	// entryBytes is about what an entry takes besides its text.
	entryBytes = 80

	// takeLines and takeBytes bound what a viewer takes at once.
	takeLines = 1000
	takeBytes = 128 << 10
)

// feedKey names the log of a container.
type feedKey struct{ cluster, namespace, pod, container string }

// entry is what a feed tells its viewers: a line, or else a notice.
type entry struct {
	line
	notice string
	pod    types.UID // of the pod whose log follows, where it is another than before
}

func (e entry) size() int { return len(e.text) + len(e.notice) + entryBytes }

// feed is the log of a container from when it was first followed, for all of its
// viewers. It is safe for concurrent use.
type feed struct {
	key    feedKey
	cancel context.CancelFunc
	limit  func() int // bytes that it may keep now

	started chan struct{} // closed when all later lines are sure to come
	start   sync.Once

	mu      sync.Mutex
	entries []entry
	first   uint64 // number of entries[0]
	bytes   int
	places  map[*place]struct{}
	trouble string // why no lines come now, if that is known
	ended   bool   // nothing more will come
}

func newFeed(key feedKey, cancel context.CancelFunc, limit func() int) *feed {
	return &feed{key: key, cancel: cancel, limit: limit, started: make(chan struct{}), places: map[*place]struct{}{}}
}

// begin tells that all lines that are written from now on will be published.
func (f *feed) begin() { f.start.Do(func() { close(f.started) }) }

func (f *feed) begun() bool {
	select {
	case <-f.started:
		return true
	default:
		return false
	}
}

// publish hands e to all viewers. It never blocks on one.
func (f *feed) publish(e entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries = append(f.entries, e)
	f.bytes += e.size()
	over := 0
	for limit := f.limit(); over < len(f.entries)-1 && (f.bytes > limit || len(f.entries)-over > feedLines); over++ {
		f.bytes -= f.entries[over].size()
	}
	f.forget(over)
	f.wake()
}

// forget drops the oldest entries, whose bytes have been subtracted. It needs f.mu.
func (f *feed) forget(n int) {
	clear(f.entries[:n])
	f.entries = f.entries[n:]
	f.first += uint64(n)
	if len(f.entries) == 0 {
		f.entries = nil
	}
}

// tell publishes a notice, if it is news. It stays the trouble of the feed until the
// next one; the empty notice ends it.
func (f *feed) tell(trouble string) {
	f.mu.Lock()
	news := trouble != "" && trouble != f.trouble
	f.trouble = trouble
	f.mu.Unlock()
	if news {
		f.publish(entry{notice: trouble})
	}
}

// end tells the viewers that nothing more will come.
func (f *feed) end() {
	f.begin()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.wake()
}

// wake needs f.mu.
func (f *feed) wake() {
	for p := range f.places {
		p.wake()
	}
}

// place is how far one viewer has come in a feed.
type place struct {
	feed   *feed
	next   uint64
	signal chan<- struct{} // with room for one
}

func (p *place) wake() {
	select {
	case p.signal <- struct{}{}:
	default:
	}
}

// over reports whether nothing more will come.
func (f *feed) over() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended
}

// now returns why no lines come at the moment, if that is known.
func (f *feed) now() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.trouble
}

// join adds a viewer behind all that was published. signal is sent to when there is
// something to take.
func (f *feed) join(signal chan<- struct{}) *place {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &place{feed: f, next: f.first + uint64(len(f.entries)), signal: signal}
	f.places[p] = struct{}{}
	return p
}

// leave removes p and reports whether it was the last one.
func (f *feed) leave(p *place) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.places, p)
	f.trim()
	return len(f.places) == 0
}

// take appends what p has yet to see to buf, about takeBytes at most. skipped is how
// many entries before that are gone. more tells that there is more to take, and ended
// that there will never be.
func (p *place) take(buf []entry) (got []entry, skipped uint64, more, ended bool) {
	f := p.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.next < f.first {
		skipped, p.next = f.first-p.next, f.first
	}
	from := int(p.next - f.first)
	to := from
	for size := 0; to < len(f.entries) && to-from < takeLines && size < takeBytes; to++ {
		size += f.entries[to].size()
	}
	buf = append(buf, f.entries[from:to]...)
	p.next += uint64(to - from)
	more = to < len(f.entries)
	if from == 0 {
		f.trim()
	}
	return buf, skipped, more, f.ended && !more
}

// trim drops what every viewer has taken. It needs f.mu.
func (f *feed) trim() {
	least := f.first + uint64(len(f.entries))
	for p := range f.places {
		if least = min(least, p.next); least <= f.first {
			return
		}
	}
	n := int(least - f.first)
	for _, e := range f.entries[:n] {
		f.bytes -= e.size()
	}
	f.forget(n)
}
