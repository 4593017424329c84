package lease

import (
	"context"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

// whileRetry is the longest pause before a lease that another server holds is asked
// for again. A server that leaves or dies ends the pause.
const whileRetry = 30 * time.Second

// Lease is held by this server until it is released, or the session becomes invalid.
type Lease struct {
	Name string
	// Fence is greater than that of every lease that was taken before, of any name;
	// 0 where no other process can use the database.
	Fence int64

	session *Session
	id      string // of the session
	done    chan struct{}
	ending  sync.Once
}

// Held reports whether the lease is held at this moment. Work under it asks right
// before each effect.
func (l *Lease) Held() bool {
	select {
	case <-l.done:
		return false
	default:
		return l.session.Valid(l.id)
	}
}

// Done is closed when the lease is released or lost.
func (l *Lease) Done() <-chan struct{} { return l.done }

func (l *Lease) end() { l.ending.Do(func() { close(l.done) }) }

// Release gives the lease to whoever asks next. What was done under it has ended.
// When the error is not nil, the lease is free as soon as the session is over.
func (l *Lease) Release(ctx context.Context) error {
	l.session.mu.Lock()
	if l.session.leases[l.Name] == l {
		delete(l.session.leases, l.Name)
	}
	l.session.mu.Unlock()
	l.end()
	if l.session.solo() {
		return nil
	}
	return l.session.deps.Leases.Release(ctx, l.Name, l.id, l.Fence)
}

// Acquire takes the lease, or returns nil while somebody holds it, here or on
// another server. Without a session it is Unavailable.
func (s *Session) Acquire(ctx context.Context, name string) (*Lease, error) {
	if s.solo() {
		return s.hold(s.ID(), name, 0), nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Valid)
	defer cancel()
	seen, err := s.deps.Leases.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if seen.Holder != "" && seen.Holder != s.ID() {
		sessions, err := s.Sessions(ctx)
		if err != nil || sessions[seen.Holder] {
			return nil, err
		}
	}
	fence, err := s.deps.Leases.Fences(ctx, 1)
	if err != nil {
		return nil, err
	}
	return s.take(ctx, seen, fence)
}

// take takes a lease that is free as seen.
func (s *Session) take(ctx context.Context, seen models.LeaseRecord, fence int64) (*Lease, error) {
	id := s.ID()
	if !s.Valid(id) {
		return nil, &models.Error{Op: "lease.Session.Acquire", Kind: models.Unavailable, Msg: "the database does not answer"}
	}
	s.mu.Lock()
	held := s.leases[seen.Name] != nil
	s.mu.Unlock()
	if held {
		return nil, nil
	}
	taken, err := s.deps.Leases.Take(ctx, seen, id, fence, models.Now())
	if err != nil || !taken {
		return nil, err
	}
	return s.hold(id, seen.Name, fence), nil
}

// hold notes a lease of the session id. It is nil when that session became invalid
// meanwhile or has the lease already.
func (s *Session) hold(id, name string, fence int64) *Lease {
	l := &Lease{Name: name, Fence: fence, session: s, id: id, done: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.valid(id) || s.leases[name] != nil {
		return nil
	}
	s.leases[name] = l
	return l
}

// names returns the leases that this server holds.
func (s *Session) names() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.leases {
		list = append(list, name)
	}
	return list
}

// While does work whenever this server holds the lease, until ctx ends, and then
// returns nil. The context of work ends with the lease. Work that returns an error
// while the lease is held is begun anew after a pause.
func (s *Session) While(ctx context.Context, name string, work func(ctx context.Context) error) error {
	for ctx.Err() == nil {
		changed := s.change()
		l, err := s.Acquire(ctx, name)
		if err == nil && l != nil {
			err = s.under(ctx, l, work)
		}
		if err != nil && ctx.Err() == nil {
			s.deps.Log.WarnContext(ctx, "background work is interrupted", "lease", name, "err", err)
		}
		timer := time.NewTimer(whileRetry)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// under does work and releases l.
func (s *Session) under(ctx context.Context, l *Lease, work func(context.Context) error) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-l.Done():
			cancel()
		case <-inner.Done():
		}
	}()
	err := work(inner)
	cancel()
	<-watched
	// The server may be stopping; the next holder need not wait for its end.
	ctx, free := context.WithTimeout(context.WithoutCancel(ctx), retry)
	defer free()
	if rerr := l.Release(ctx); err == nil {
		err = rerr
	}
	return err
}
