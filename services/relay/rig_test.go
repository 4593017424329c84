package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/stream"
)

var errStore = errors.New("the store failed")

// memLog is a log in memory. It remembers all that was ever appended.
type memLog struct {
	mu      sync.Mutex
	epoch   string
	entries []models.RelayEntry
	history []models.RelayEntry
}

func (l *memLog) append(e models.RelayEntry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, found := slices.BinarySearchFunc(l.entries, e.N, func(o models.RelayEntry, n int64) int { return int(o.N - n) })
	if found {
		return &models.Error{Kind: models.Conflict}
	}
	l.entries = slices.Insert(l.entries, at, e)
	l.history = append(l.history, e)
	return nil
}

func (l *memLog) newest() (n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) > 0 {
		n = l.entries[len(l.entries)-1].N
	}
	return n
}

// all returns what is in the log.
func (l *memLog) all() []models.RelayEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

// link is a server's way to a memLog.
type link struct {
	log *memLog
	ops atomic.Int64 // tried

	mu        sync.Mutex
	frozen    chan struct{} // closed by thaw; nil: not frozen
	refuse    int           // this many operations fail without an effect
	forget    int           // this many operations have their effect and fail
	blindTo   int64         // entries from this number on are not read yet; 0: all are
	afterThaw []func()
}

func (l *link) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen == nil {
		l.frozen = make(chan struct{})
	}
}

// thaw has operations go on that began before.
func (l *link) thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen == nil {
		return
	}
	for _, f := range l.afterThaw {
		f()
	}
	l.afterThaw = nil
	close(l.frozen)
	l.frozen = nil
}

func (l *link) fail(refuse, forget int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse, l.forget = refuse, forget
}

// do executes one operation. Where ctx ends before, it may still happen later.
func (l *link) do(ctx context.Context, op func() error) error {
	l.ops.Add(1)
	l.mu.Lock()
	frozen := l.frozen
	l.mu.Unlock()
	if frozen != nil {
		select {
		case <-frozen:
		case <-ctx.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			l.afterThaw = append(l.afterThaw, func() { _ = op() })
			return ctx.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.refuse > 0:
		l.refuse--
		return errStore
	case l.forget > 0:
		l.forget--
		_ = op()
		return errStore
	}
	return op()
}

func (l *link) Epoch(ctx context.Context) (epoch string, err error) {
	err = l.do(ctx, func() error {
		l.log.mu.Lock()
		defer l.log.mu.Unlock()
		if l.log.epoch == "" {
			l.log.epoch = "log"
		}
		epoch = l.log.epoch
		return nil
	})
	return epoch, err
}

func (l *link) Append(ctx context.Context, e models.RelayEntry) error {
	return l.do(ctx, func() error { return l.log.append(e) })
}

func (l *link) After(ctx context.Context, n int64, limit int) (list []models.RelayEntry, err error) {
	err = l.do(ctx, func() error {
		for _, e := range l.log.all() {
			if e.N > n && len(list) < limit && (l.blindTo == 0 || e.N < l.blindTo) {
				list = append(list, e)
			}
		}
		return nil
	})
	return list, err
}

func (l *link) Newest(ctx context.Context) (n int64, err error) {
	err = l.do(ctx, func() error { n = l.log.newest(); return nil })
	return n, err
}

func (l *link) DeleteThrough(ctx context.Context, n int64) error {
	return l.do(ctx, func() error {
		l.log.mu.Lock()
		defer l.log.mu.Unlock()
		l.log.entries = slices.DeleteFunc(l.log.entries, func(e models.RelayEntry) bool { return e.N <= n })
		return nil
	})
}

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
