package handlers

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

const (
	// heartbeat is how often an idle stream shows that it is alive; proxies
	// cut connections that say nothing for a minute or so.
	heartbeat = 15 * time.Second

	// writeTimeout ends a stream whose reader takes nothing for so long.
	writeTimeout = 30 * time.Second
)

// Subscription is a reader's place in a stream of events.
type Subscription interface {
	// Ready is signalled when Take has something to say.
	Ready() <-chan struct{}
	// Closed is closed when the server stops.
	Closed() <-chan struct{}
	// Position returns the id of the last event before those still to come.
	Position() string
	// Take appends the frames published since the last call to buf. When some
	// were lost it says so, and the reader needs a snapshot.
	Take(buf [][]byte) (frames [][]byte, lost bool)
	// Close gives the place up.
	Close()
}

// Subscribe starts reading the stream key, behind the event lastID if that is
// not empty. Nothing that is published after it returns is missed.
type Subscribe func(key, lastID string) (Subscription, error)

// Subscribing adapts a function that returns a concrete subscription.
func Subscribing[S Subscription](f func(key, lastID string) (S, error)) Subscribe {
	return func(key, lastID string) (Subscription, error) { return f(key, lastID) }
}

// eventStream writes server-sent events to one reader.
type eventStream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

// openStream answers with the headers of an event stream. From here on,
// failures can only end the stream.
func openStream(c *gin.Context) *eventStream {
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("Connection", "keep-alive")
	h.Set("X-Accel-Buffering", "no")
	c.Writer.WriteHeader(http.StatusOK)
	s := &eventStream{w: c.Writer, rc: http.NewResponseController(c.Writer)}
	// The server's limit for reading a request would otherwise end the stream.
	// Writers that know no deadlines, as in tests, need none.
	_ = s.rc.SetReadDeadline(time.Time{})
	return s
}

// event writes one event with data as JSON.
func (s *eventStream) event(id, name string, data any) error {
	payload, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return s.write(models.StreamFrame(id, name, payload))
}

// write sends frames at once, all in one flush.
func (s *eventStream) write(frames ...[]byte) error {
	_ = s.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	for _, f := range frames {
		if _, err := s.w.Write(f); err != nil {
			return err
		}
	}
	return s.rc.Flush()
}

// follow writes what sub brings until the reader is gone, ctx ends or the
// server stops. After a loss, snapshot writes the present state; if that
// fails it is tried again until it works, unless the thing itself is gone.
func (s *eventStream) follow(ctx context.Context, sub Subscription, snapshot func() error) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	f := follower{eventStream: s, sub: sub, snapshot: snapshot}
	for err := error(nil); err == nil; {
		select {
		case <-ctx.Done():
			return
		case <-sub.Closed():
			if f.news() == nil {
				_ = s.event("", models.EventComplete, "the server is stopping")
			}
			return
		case <-sub.Ready():
			err = f.news()
		case <-beat.C:
			err = f.beat()
		}
	}
}

// follower is the state of one call of follow.
type follower struct {
	*eventStream
	sub      Subscription
	snapshot func() error
	behind   bool // a snapshot is due
	buf      [][]byte
}

// keepFrames is how large a buffer of frames is kept for the next time.
const keepFrames = 16

// news writes what has been published since the last time.
func (f *follower) news() error {
	frames, lost := f.sub.Take(f.buf[:0])
	f.behind = f.behind || lost
	if err := f.catchUp(); err != nil {
		return err
	}
	if len(frames) == 0 {
		return nil
	}
	err := f.write(frames...)
	clear(frames) // thousands of idle readers must not keep old events alive
	if f.buf = frames; cap(frames) > keepFrames {
		f.buf = nil
	}
	return err
}

func (f *follower) beat() error {
	if f.behind {
		return f.catchUp()
	}
	return f.write([]byte(": ping\n\n"))
}

// catchUp writes a snapshot if one is due. A failure to make it is told to
// the reader and leaves it due; only a reader that is gone, or has nothing
// left to read, ends the stream.
func (f *follower) catchUp() error {
	if !f.behind {
		return nil
	}
	err := f.snapshot()
	switch kind := models.KindOf(err); {
	case err == nil:
		f.behind = false
		return nil
	case kind == models.NotFound || kind == models.Forbidden:
		_ = f.event("", "error", models.MessageOf(err))
		return err
	}
	return f.event("", "error", models.MessageOf(err))
}
