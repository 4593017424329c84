package handlers

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

const (
	// heartbeat is how often an idle stream shows that it is alive; proxies
	// cut connections that say nothing for a minute or so.
	heartbeat = 15 * time.Second

	// glance is how often a stream looks whether its reader has left.
	glance = 5 * time.Second

	// writeTimeout ends a stream whose reader takes nothing for so long.
	writeTimeout = 30 * time.Second

	// snapshotTimeout bounds the making of a snapshot.
	snapshotTimeout = 10 * time.Second
)

// Subscription is a reader's place in a stream of events.
type Subscription interface {
	// Ready is signalled when Take has something to say.
	Ready() <-chan struct{}
	// Closed is closed when the server stops. Whoever closes it waits for
	// Close, and so for the stream.
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

// eventStream sends server-sent events to one reader.
type eventStream struct{ transport }

// openStream answers with the headers of an event stream. From here on,
// failures can only end the stream. The caller must call serve or close.
func openStream(c *gin.Context, log *slog.Logger) *eventStream {
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("Connection", "keep-alive")
	h.Set("X-Accel-Buffering", "no")
	return &eventStream{openTransport(c, log)}
}

// event sends one event with data as JSON.
func (s *eventStream) event(id, name string, data any) error {
	payload, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return s.send([][]byte{models.StreamFrame(id, name, payload)})
}

// follow sends what sub brings until the reader is gone, ctx ends, the reader's
// session does, or the server stops. After a loss, snapshot sends the present state; if that fails
// it is tried again until it works, unless the thing itself is gone.
func (s *eventStream) follow(ctx context.Context, sub Subscription, snapshot func(context.Context) error) {
	look := time.NewTicker(glance)
	defer look.Stop()
	signedOut := models.EndedFrom(ctx)
	f := follower{eventStream: s, sub: sub, snapshot: snapshot, beatAt: time.Now().Add(heartbeat)}
	for err := error(nil); err == nil; {
		select {
		case <-ctx.Done():
			return
		case <-signedOut:
			_ = s.event("", models.EventComplete, "the session has ended")
			return
		case <-sub.Closed():
			if f.news(ctx) == nil {
				_ = s.event("", models.EventComplete, "the server is stopping")
			}
			return
		case <-sub.Ready():
			err = f.news(ctx)
		case <-look.C:
			if s.gone() {
				return
			}
			err = f.idle(ctx)
		}
	}
}

// follower is the state of one call of follow.
type follower struct {
	*eventStream
	sub      Subscription
	snapshot func(context.Context) error
	behind   bool // a snapshot is due
	beatAt   time.Time
	buf      [][]byte
}

// keepFrames is how large a buffer of frames is kept for the next time.
const keepFrames = 16

// news sends what has been published since the last time.
func (f *follower) news(ctx context.Context) error {
	frames, lost := f.sub.Take(f.buf[:0])
	f.behind = f.behind || lost
	if err := f.catchUp(ctx); err != nil || len(frames) == 0 {
		return err
	}
	err := f.send(frames)
	clear(frames) // thousands of idle readers must not keep old events alive
	if f.buf = frames; cap(frames) > keepFrames {
		f.buf = nil
	}
	return err
}

// idle catches up if need be, and else shows now and then that the stream is
// alive.
func (f *follower) idle(ctx context.Context) error {
	switch {
	case f.behind:
		return f.catchUp(ctx)
	case time.Now().Before(f.beatAt):
		return nil
	}
	f.beatAt = time.Now().Add(heartbeat)
	return f.send([][]byte{[]byte(": ping\n\n")})
}

// catchUp sends a snapshot if one is due. A failure to make it is told to the
// reader and leaves it due; only a reader that is gone, or has nothing left to
// read, ends the stream.
func (f *follower) catchUp(ctx context.Context) error {
	if !f.behind {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, snapshotTimeout)
	defer cancel()
	err := f.snapshot(ctx)
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
