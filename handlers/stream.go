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
	// heartbeatInterval is how often an idle stream sends a comment; proxies
	// close connections that are idle for a minute or so.
	heartbeatInterval = 15 * time.Second

	// probeInterval is how often a stream checks whether its reader has left.
	probeInterval = 5 * time.Second

	// writeTimeout ends a stream whose reader reads nothing for that long.
	writeTimeout = 30 * time.Second

	// snapshotTimeout bounds the making of a snapshot.
	snapshotTimeout = 10 * time.Second
)

// Subscription is a reader's position in a stream of events.
type Subscription interface {
	// Ready is signalled when Take has something to return.
	Ready() <-chan struct{}
	// Closed is closed when the server stops, or nothing more will come. A server that
	// stops waits for Close, and so for the stream to end.
	Closed() <-chan struct{}
	// Position returns the id of the event before the next one. It is the id of
	// a snapshot that is made now.
	Position() string
	// Take appends frames published since the last call to buf, as many as a slow
	// reader may hold; Ready is signalled when there are more. When lost is true
	// some are missing, and the reader needs a snapshot.
	Take(buf [][]byte) (frames [][]byte, lost bool)
	// Close ends the subscription.
	Close()
}

// Subscribe starts reading the stream key, after the event lastID if that is
// not empty. Everything published after it returns is delivered.
type Subscribe func(key, lastID string) (Subscription, error)

// AsSubscribe adapts a function that returns a concrete subscription.
func AsSubscribe[S Subscription](f func(key, lastID string) (S, error)) Subscribe {
	return func(key, lastID string) (Subscription, error) { return f(key, lastID) }
}

// eventStream sends server-sent events to one reader.
type eventStream struct {
	transport
	// text is set where events are text in place of JSON. The subscription then says
	// itself why it closes.
	text bool
}

// openStream answers with the headers of an event stream. Later failures can only
// end the stream. The caller must call serve or close.
func openStream(c *gin.Context, log *slog.Logger) *eventStream {
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("Connection", "keep-alive")
	h.Set("X-Accel-Buffering", "no")
	return &eventStream{transport: openTransport(c, log)}
}

// event sends one event with data as JSON.
func (s *eventStream) event(id, name string, data any) error {
	payload, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return s.encoded(id, name, payload)
}

// complete tells why there are no more events.
func (s *eventStream) complete(why string) error {
	if s.text {
		return s.encoded("", models.EventComplete, []byte(why))
	}
	return s.event("", models.EventComplete, why)
}

// encoded sends one event whose data is JSON already. Many streams may send the
// same payload, which is not copied.
func (s *eventStream) encoded(id, name string, payload []byte) error {
	frame := models.StreamFrame(id, name, nil)
	data := len(frame) - len("\n\n")
	return s.send([][]byte{frame[:data], payload, frame[data:]})
}

// follow sends the events of sub until the reader has left, ctx or the reader's
// session ends, or the server stops. When events were lost, snapshot sends the
// current state. A failed snapshot is tried again, unless what the stream is about
// was deleted or may no longer be read.
func (s *eventStream) follow(ctx context.Context, sub Subscription, snapshot func(context.Context) error) {
	probe := time.NewTicker(probeInterval)
	defer probe.Stop()
	sessionEnded := models.SessionEnded(ctx)
	f := follower{eventStream: s, sub: sub, snapshot: snapshot, heartbeatAt: time.Now().Add(heartbeatInterval)}
	for err := error(nil); err == nil; {
		select {
		case <-ctx.Done():
			return
		case <-sessionEnded:
			_ = s.complete("the session has ended")
			return
		case <-sub.Closed():
			for sent := true; sent && err == nil; {
				sent, err = f.sendEvents(ctx)
			}
			if err == nil && !s.text {
				_ = s.complete("the server is stopping")
			}
			return
		case <-sub.Ready():
			_, err = f.sendEvents(ctx)
		case <-probe.C:
			if s.gone() {
				return
			}
			err = f.tick(ctx)
		}
	}
}

// follower is the state of one call of follow.
type follower struct {
	*eventStream
	sub         Subscription
	snapshot    func(context.Context) error
	behind      bool // a snapshot is due
	heartbeatAt time.Time
	buf         [][]byte
}

// keepFrames is the largest buffer of frames that is kept for the next call.
const keepFrames = 16

// sendEvents sends events published since the last call and reports whether there
// were any.
func (f *follower) sendEvents(ctx context.Context) (sent bool, err error) {
	frames, lost := f.sub.Take(f.buf[:0])
	f.behind = f.behind || lost
	if err := f.catchUp(ctx); err != nil || len(frames) == 0 {
		return false, err
	}
	err = f.send(frames)
	clear(frames) // so that thousands of idle readers keep no old events in memory
	if f.buf = frames; cap(frames) > keepFrames {
		f.buf = nil
	}
	return true, err
}

// tick sends a due snapshot, or else a due heartbeat.
func (f *follower) tick(ctx context.Context) error {
	switch {
	case f.behind:
		return f.catchUp(ctx)
	case time.Now().Before(f.heartbeatAt):
		return nil
	}
	f.heartbeatAt = time.Now().Add(heartbeatInterval)
	return f.send([][]byte{[]byte(": ping\n\n")})
}

// catchUp sends a snapshot if one is due. When that fails, the reader gets an
// error event and the snapshot stays due. An error of catchUp ends the stream:
// the reader has left, or what the stream is about is gone.
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
