package lease

import (
	"context"
	"slices"
	"time"

	"github.com/kubeorch/core/models"
)

// other is another server, as this one saw it last.
type other struct {
	name string
	beat int64
	at   time.Time // when that heartbeat was seen first
	seen []string

	leaving bool
}

// look reads the records of the other servers, ends the sessions of those that are
// silent, and begins to share events with the first one that came.
func (s *Session) look(ctx context.Context) error {
	begun := time.Now()
	all, err := s.deps.Servers.List(ctx)
	if err != nil {
		return err
	}
	came, left, died := s.note(begun, all)
	for id, beat := range s.silent() {
		if ended, err := s.deps.Servers.End(ctx, id, beat); err != nil {
			return err
		} else if ended {
			s.deps.Log.WarnContext(ctx, "a server is silent; its work is free", "server", s.drop(id), "session", id)
			left, died = true, true
		}
	}
	if came || left {
		s.tellChange()
	}
	if died {
		s.tellDeath()
	}
	return s.share(ctx, came)
}

// note takes over what was read and reports whether servers came or left, or are
// about to, and whether one left without having retired.
func (s *Session) note(begun time.Time, all []models.Server) (came, left, died bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	// After a time without looks nobody knows who was silent: the database may have
	// been away for all.
	blind := begun.Sub(s.looked) > 2*s.opts.Beat
	next := make(map[string]*other, len(all))
	for _, rec := range all {
		if rec.ID == s.id {
			continue
		}
		o := s.others[rec.ID]
		came = came || o == nil
		if o == nil || o.beat != rec.Beat || blind {
			leaving := o != nil && o.leaving
			o = &other{name: rec.Name, beat: rec.Beat, at: now, leaving: leaving}
		}
		left = left || o.leaving != rec.Leaving
		o.seen, o.leaving = rec.Seen, rec.Leaving
		next[rec.ID] = o
	}
	for id, o := range s.others {
		gone := next[id] == nil
		left, died = left || gone, died || gone && !o.leaving
	}
	s.others, s.looked = next, begun
	s.sharing = s.sharing && len(next) > 0
	return came, left, died
}

// silent returns the sessions, with their last heartbeats, that are over by now.
func (s *Session) silent() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]int64{}
	for id, o := range s.others {
		if time.Since(o.at) >= s.opts.Over {
			found[id] = o.beat
		}
	}
	return found
}

// drop forgets a session and returns the name of its server.
func (s *Session) drop(id string) (name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name = s.others[id].name
	delete(s.others, id)
	s.sharing = s.sharing && len(s.others) > 0
	return name
}

// share has this server share its events once there is another one, and lets
// newcomers know at once that they were seen.
func (s *Session) share(ctx context.Context, came bool) error {
	s.mu.Lock()
	id, begin := s.id, s.joined && !s.sharing && len(s.others) > 0
	hook := s.hooks.share
	s.mu.Unlock()
	if begin && hook != nil {
		if err := hook(ctx); err != nil {
			return err
		}
	}
	if !begin && !came {
		return nil
	}
	s.mu.Lock()
	s.sharing = s.joined && len(s.others) > 0
	s.mu.Unlock()
	return s.beat(ctx, id)
}

// tellDeath calls those who want to know of servers that ended without good order.
func (s *Session) tellDeath() {
	s.mu.Lock()
	all := slices.Clone(s.hooks.death)
	s.mu.Unlock()
	for _, f := range all {
		f()
	}
}

// tellChange calls those who want to know of servers that came or went, and of a
// session that began or ended.
func (s *Session) tellChange() {
	s.mu.Lock()
	close(s.changed)
	s.changed = make(chan struct{})
	all := slices.Clone(s.hooks.change)
	s.mu.Unlock()
	for _, f := range all {
		f()
	}
}
