package lease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// retry is the pause after a heartbeat that could not be stored.
	retry = 500 * time.Millisecond
	// joinPoll is the pause between two looks while a server joins.
	joinPoll = 100 * time.Millisecond
)

// Register begins the session, which Run then keeps. It is a Conflict while a
// server with other secrets uses the database; the record of a server that has died
// counts until it is over.
func (s *Session) Register(ctx context.Context) error {
	if s.solo() {
		return nil
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	err := s.requireSameSecrets(ctx)
	if err != nil {
		err = errors.Join(err, s.Leave(ctx))
	}
	return err
}

// requireSameSecrets waits until each server with other secrets is over, and fails
// when one turns out to be alive.
func (s *Session) requireSameSecrets(ctx context.Context) error {
	first := map[string]int64{}
	for {
		all, err := s.deps.Servers.List(ctx)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(o models.Server) bool { return o.Secrets == s.deps.Secrets })
		if len(all) == 0 {
			return nil
		}
		for _, o := range all {
			if beat, known := first[o.ID]; known && beat != o.Beat {
				return &models.Error{Op: "lease.Session.Register", Kind: models.Conflict, Msg: fmt.Sprintf(
					"server %q uses this database with another JWT_SECRET: give all servers the same one, or stop that server", o.Name)}
			}
			first[o.ID] = o.Beat
		}
		if err := pause(ctx, joinPoll); err != nil {
			return err
		}
		if s.sinceHeartbeat() > s.opts.Beat {
			_ = s.round(ctx) // a failure shows at the next List
		}
	}
}

// Join takes part: it waits until each other server knows of this one and shares
// its events, or is known not to consider itself alone. It is called before the
// server listens, while Run goes on.
func (s *Session) Join(ctx context.Context) error {
	s.mu.Lock()
	s.joined = true
	s.mu.Unlock()
	for begun := time.Now(); time.Since(begun) < s.opts.Alone && !s.isKnown(); {
		s.Kick()
		if err := pause(ctx, joinPoll); err != nil {
			return err
		}
	}
	return nil
}

// isKnown reports whether this server and all others have seen each other.
func (s *Session) isKnown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.others {
		if !s.sharing || !slices.Contains(o.seen, s.id) {
			return false
		}
	}
	return true
}

// Run keeps the session until ctx ends, and begins another one after others ended it.
// It returns nil.
func (s *Session) Run(ctx context.Context) error {
	if s.solo() {
		<-ctx.Done()
		return nil
	}
	wait := s.opts.Beat
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-s.kick:
			timer.Stop()
		case <-timer.C:
		}
		wait = s.opts.Beat
		if err := s.round(ctx); err != nil && ctx.Err() == nil {
			s.deps.Log.WarnContext(ctx, "a heartbeat could not be stored", "err", err)
			wait = retry
		}
		if left := s.opts.Valid - s.sinceHeartbeat(); left > 0 {
			wait = min(wait, left)
		}
	}
}

func (s *Session) sinceHeartbeat() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.beaten)
}

// round stores a heartbeat and looks at the other servers. A session that is not
// valid any more loses its leases, and is valid again if the heartbeat arrives before
// another server has ended it. Without a session, round begins one. Only one
// goroutine calls it at a time.
func (s *Session) round(ctx context.Context) error {
	id, wait := s.ID(), s.opts.Valid-s.sinceHeartbeat()
	switch {
	case id == "":
		return s.begin(ctx)
	case wait <= 0:
		if n := s.dropLeases(); n > 0 {
			s.deps.Log.WarnContext(ctx, "the database does not answer; this server does no shared work meanwhile", "leases", n)
		}
		wait = s.opts.Beat
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if err := s.beat(ctx, id); err != nil {
		return err
	}
	return s.look(ctx)
}

// dropLeases ends all leases in this process, and returns how many there were.
func (s *Session) dropLeases() int {
	s.mu.Lock()
	all := s.leases
	s.leases = map[string]*Lease{}
	s.mu.Unlock()
	for _, l := range all {
		l.end()
	}
	return len(all)
}

// begin stores a new session and looks who else is there.
func (s *Session) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Valid)
	defer cancel()
	now, begun := models.Now(), time.Now()
	me := models.Server{
		ID: models.NewID(), Name: s.deps.Name, Version: s.deps.Version, Since: s.since, BeatAt: now, Secrets: s.deps.Secrets,
	}
	if err := s.deps.Servers.Insert(ctx, me); err != nil {
		return err
	}
	s.mu.Lock()
	s.id, s.beaten = me.ID, begun
	s.mu.Unlock()
	err := s.look(ctx)
	s.tellChange()
	return err
}

// beat stores a heartbeat that says whom this server shares its events with.
func (s *Session) beat(ctx context.Context, id string) error {
	begun := time.Now()
	s.mu.Lock()
	h := models.Heartbeat{At: models.Now(), Leaving: s.leaving}
	if s.sharing {
		h.Seen = s.seen()
	}
	s.mu.Unlock()
	err := s.deps.Servers.Beat(ctx, id, h)
	if models.KindOf(err) == models.NotFound {
		s.lose(ctx, id)
		return nil
	}
	if err == nil {
		s.mu.Lock()
		s.beaten, s.retired = begun, h.Leaving
		s.mu.Unlock()
	}
	return err
}

// lose ends the session in this process.
func (s *Session) lose(ctx context.Context, id string) {
	s.mu.Lock()
	s.id = ""
	lost := slices.Clone(s.hooks.lost)
	s.mu.Unlock()
	s.deps.Log.WarnContext(ctx, "this server was silent for too long; other servers do its work", "session", id)
	s.dropLeases()
	for _, f := range lost {
		f(id)
	}
	s.tellChange()
	s.Kick()
}

// Retire stores that this server takes no work any more, so that the others take its
// share once that is free. It waits for that while the database answers.
func (s *Session) Retire(ctx context.Context) {
	s.mu.Lock()
	s.leaving = true
	s.mu.Unlock()
	for begun := time.Now(); !s.solo() && ctx.Err() == nil && time.Since(begun) < s.opts.Beat; {
		s.Kick()
		s.mu.Lock()
		stored := s.retired || s.id == ""
		s.mu.Unlock()
		if stored {
			return
		}
		_ = pause(ctx, joinPoll/10)
	}
}

// Leave ends the session in good order: its leases are free at once. Run has
// returned, and what was done under them has ended.
func (s *Session) Leave(ctx context.Context) error {
	s.mu.Lock()
	id := s.id
	s.id = ""
	s.mu.Unlock()
	if s.solo() || id == "" {
		return nil
	}
	return errors.Join(s.deps.Leases.ReleaseAll(ctx, id), s.deps.Servers.Leave(ctx, id))
}

// pause waits for d, or returns the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
