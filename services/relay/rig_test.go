package relay

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/stream"
)

// fakeSession is a session that tests change.
type fakeSession struct {
	alone atomic.Bool
	id    atomic.Pointer[string]
	over  atomic.Bool
}

func newFakeSession(id string, alone bool) *fakeSession {
	s := &fakeSession{}
	s.id.Store(&id)
	s.alone.Store(alone)
	return s
}

func (s *fakeSession) Alone() bool          { return s.alone.Load() }
func (s *fakeSession) ID() string           { return *s.id.Load() }
func (s *fakeSession) Valid(id string) bool { return id != "" && !s.over.Load() && id == s.ID() }

// renew begins another session.
func (s *fakeSession) renew() {
	id := s.ID() + "'"
	s.id.Store(&id)
	s.over.Store(false)
}

// server is one of those that share a log.
type server struct {
	*Relay

	link    *link // nil with a real store
	session *fakeSession
	events  *stream.Broadcaster
	logged  *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newServer returns a server that is not running.
func newServer(t testing.TB, store logStore, name string, alone bool) *server {
	t.Helper()
	s := &server{session: newFakeSession(name, alone), events: stream.NewBroadcaster(), logged: &syncBuffer{}}
	s.link, _ = store.(*link)
	s.Relay = New(Deps{
		Store: store, Session: s.session, Sink: s.events, Readers: s.events.Readers,
		Log: slog.New(slog.NewTextHandler(s.logged, nil)),
	})
	s.events.Attach(s.Relay)
	t.Cleanup(s.events.Close)
	return s
}

// start runs s until the test ends or stop is called.
func (s *server) start(t testing.TB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

// inLog returns a server on log that has joined and runs.
func inLog(t testing.TB, log *memLog, name string) *server {
	t.Helper()
	s := newServer(t, &link{log: log}, name, false)
	require.NoError(t, s.Join(t.Context()))
	s.start(t)
	return s
}

// last returns the number of the entry that s has processed last.
func (s *server) last() int64 {
	s.busy <- struct{}{}
	defer s.unlock()
	return s.place.last
}

func (s *server) publish(t testing.TB, key string, value any) {
	t.Helper()
	if err := s.events.Publish(key, models.EventNodeUpdate, value); err != nil {
		t.Error(err)
	}
}

// reader reads one stream, now on this server and now on that.
type reader struct {
	sub    *stream.Subscription
	lastID string
	got    []string // values of events; "lost" stands for a snapshot
	ids    []string // of events and snapshots
}

func read(t testing.TB, s *server, key, lastID string) *reader {
	t.Helper()
	r := &reader{lastID: lastID}
	r.move(t, s, key)
	t.Cleanup(func() { r.sub.Close() })
	return r
}

// move goes on at another server.
func (r *reader) move(t testing.TB, s *server, key string) {
	t.Helper()
	if r.sub != nil {
		r.sub.Close()
	}
	sub, err := s.events.Subscribe(key, r.lastID)
	require.NoError(t, err)
	r.sub, r.lastID = sub, sub.Position()
}

// take adds what there is now.
func (r *reader) take() (list []string) {
	for {
		frames, lost := r.sub.Take(nil)
		if lost {
			list = append(list, "lost")
			r.lastID = r.sub.Position()
			r.ids = append(r.ids, r.lastID)
		}
		for _, f := range frames {
			id, rest, _ := strings.Cut(strings.TrimPrefix(string(f), "id: "), "\n")
			_, data, _ := strings.Cut(rest, `"data":`)
			list = append(list, strings.TrimSuffix(data, "}\n\n"))
			r.ids = append(r.ids, id)
			r.lastID = id
		}
		if !lost && len(frames) == 0 {
			r.got = append(r.got, list...)
			return list
		}
	}
}

func values(from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

func contextWithTimeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}
