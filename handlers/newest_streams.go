package handlers

import (
	"context"
	"slices"
	"sync"
)

// scarceStreams is how many streams a session has over HTTP/1.1, where a browser has
// six connections for everything.
const scarceStreams = 2

// newestStreams knows which of the streams of a session was opened last. Pages that
// leave streams behind, all of which feed the same list, would otherwise show each
// event several times. It knows the streams of this server alone, and is safe for
// concurrent use.
type newestStreams struct {
	mu   sync.Mutex
	open map[string][]*streamPlace // by session, the newest last
}

// streamPlace is the place of a stream among those of its session.
type streamPlace struct {
	all      *newestStreams
	session  string
	scarce   bool
	replaced context.Context // ends when the stream has to, in favour of newer ones
	end      context.CancelFunc
}

func newNewestStreams() *newestStreams { return &newestStreams{open: map[string][]*streamPlace{}} }

// join adds a stream, which is the newest from then on. It ends the oldest of the
// session where a scarce one is too many. The caller calls leave; the end of ctx does
// not matter.
func (n *newestStreams) join(ctx context.Context, session string, scarce bool) *streamPlace {
	n.mu.Lock()
	defer n.mu.Unlock()
	place := &streamPlace{all: n, session: session, scarce: scarce}
	place.replaced, place.end = context.WithCancel(context.WithoutCancel(ctx))
	n.open[session] = append(n.open[session], place)
	var over []*streamPlace
	for _, p := range n.open[session] {
		if p.scarce {
			over = append(over, p)
		}
	}
	for len(over) > scarceStreams {
		n.remove(over[0])
		over[0].end()
		over = over[1:]
	}
	return place
}

// isNewest reports whether no stream of the session was opened later.
func (p *streamPlace) isNewest() bool {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	list := p.all.open[p.session]
	return len(list) > 0 && list[len(list)-1] == p
}

func (p *streamPlace) leave() {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	p.all.remove(p)
	p.end()
}

// remove needs n.mu.
func (n *newestStreams) remove(p *streamPlace) {
	list := slices.DeleteFunc(n.open[p.session], func(other *streamPlace) bool { return other == p })
	if n.open[p.session] = list; len(list) == 0 {
		delete(n.open, p.session)
	}
}

// newestOnly is a subscription that passes events over while its stream is not the
// newest.
type newestOnly struct {
	Subscription
	place *streamPlace
}

// Take returns no frames while a newer stream gets them.
func (s newestOnly) Take(buf [][]byte) (frames [][]byte, lost bool) {
	frames, lost = s.Subscription.Take(buf)
	if !s.place.isNewest() {
		clear(frames[len(buf):])
		frames = frames[:len(buf)]
	}
	return frames, lost
}
