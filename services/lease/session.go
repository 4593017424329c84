package lease

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

// serverStore stores the sessions of servers.
type serverStore interface {
	Insert(ctx context.Context, s models.Server) error
	Beat(ctx context.Context, id string, h models.Heartbeat) error
	List(ctx context.Context) ([]models.Server, error)
	End(ctx context.Context, id string, beat int64) (bool, error)
	Leave(ctx context.Context, id string) error
}

// leaseStore stores who holds which lease.
type leaseStore interface {
	Get(ctx context.Context, name string) (models.LeaseRecord, error)
	Fences(ctx context.Context, n int) (first int64, err error)
	Take(ctx context.Context, seen models.LeaseRecord, holder string, fence int64, at time.Time) (bool, error)
	Release(ctx context.Context, name, holder string, fence int64) error
	ReleaseAll(ctx context.Context, holder string) error
}

// Deps is what a Session works with.
type Deps struct {
	// Servers and Leases are nil where no other process can use the database. The
	// session then lasts as long as the process, and stores nothing.
	Servers serverStore
	Leases  leaseStore

	Name    string // of this server, for people
	Version string
	Secrets string // fingerprint of what all servers must have in common
	Log     *slog.Logger
}

// Options are the times of a Session. Each is longer than the one before it.
type Options struct {
	Beat  time.Duration // between two heartbeats
	Alone time.Duration // how long a look that saw no other server counts; Join waits as long
	Valid time.Duration // how long a session lasts after its last heartbeat, as its holder counts
	Over  time.Duration // the same as everybody else counts
}

// DefaultOptions returns the times of a server: the leases of one that is killed
// are free within Beat + Over + Beat, 13 s.
func DefaultOptions() Options {
	return Options{Beat: 2500 * time.Millisecond, Alone: 4 * time.Second, Valid: 7500 * time.Millisecond, Over: 8 * time.Second}
}

// Session is this process among the servers of one database. It is safe for
// concurrent use.
type Session struct {
	deps Deps
	opts Options
	kick chan struct{} // asks Run for a heartbeat now

	mu      sync.Mutex
	id      string    // empty between two sessions
	since   time.Time // of the process
	beaten  time.Time // before the last heartbeat that was stored
	looked  time.Time // before the last look at the other servers
	others  map[string]*other
	joined  bool // this server takes part, so newcomers may rely on it
	sharing bool // it shares its events with the others
	leaving bool // it takes no work any more
	retired bool // and that is stored
	leases  map[string]*Lease
	changed chan struct{} // closed and replaced at each change of servers or of the session
	hooks   hooks
}

// hooks are called without s.mu.
type hooks struct {
	share  func(ctx context.Context) error
	change []func()
	death  []func()
	lost   []func(id string)
}

// NewSession returns a session that begins with Register.
func NewSession(deps Deps, opts Options) *Session {
	s := &Session{
		deps: deps, opts: opts, kick: make(chan struct{}, 1), since: models.Now(),
		others: map[string]*other{}, leases: map[string]*Lease{}, changed: make(chan struct{}),
	}
	if s.solo() {
		s.id = models.NewID()
	}
	return s
}

// solo reports whether no other process can use the database.
func (s *Session) solo() bool { return s.deps.Servers == nil }

// ID returns the id of the present session; empty after others ended it, until the
// next one has begun.
func (s *Session) ID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

// Valid reports whether id is the present session and no other server can have ended
// it yet. Work under a session asks right before each effect. While the database does
// not answer, a session becomes invalid, and valid again if nobody has ended it
// meanwhile; ID tells that from a session that is over.
func (s *Session) Valid(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.valid(id)
}

// valid needs s.mu.
func (s *Session) valid(id string) bool {
	return id != "" && id == s.id && (s.solo() || time.Since(s.beaten) < s.opts.Valid)
}

// Alone reports whether no other server uses the database. Where one might, such
// as while the database does not answer, it is false.
func (s *Session) Alone() bool {
	if s.solo() {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.others) == 0 && time.Since(s.looked) < s.opts.Alone
}

// Live returns the ids of all sessions that this server knows of, its own
// included, in ascending order.
func (s *Session) Live() []string {
	return s.sessions(func(*other) bool { return true })
}

// Sessions reads the ids of the sessions that are not over, of all servers.
func (s *Session) Sessions(ctx context.Context) (map[string]bool, error) {
	if s.solo() {
		return map[string]bool{s.ID(): true}, nil
	}
	all, err := s.deps.Servers.List(ctx)
	ids := make(map[string]bool, len(all))
	for _, o := range all {
		ids[o.ID] = true
	}
	return ids, err
}

// working returns those of Live whose servers are not about to stop.
func (s *Session) working() []string {
	return s.sessions(func(o *other) bool { return !o.leaving })
}

func (s *Session) sessions(want func(*other) bool) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != "" {
		ids = append(ids, s.id)
	}
	for id, o := range s.others {
		if want(o) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// seen returns the other sessions; it needs s.mu.
func (s *Session) seen() []string {
	ids := make([]string, 0, len(s.others)+1)
	for id := range s.others {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// BeforeSharing has f called whenever this server sees another one after it was
// alone, before the other one learns that it was seen. While f fails, the other one
// waits. It is set before Join.
func (s *Session) BeforeSharing(f func(ctx context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks.share = f
}

// OnChange has f called after servers came or went. f must not block.
func (s *Session) OnChange(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks.change = append(s.hooks.change, f)
}

// OnDeath has f called after the session of another server ended although that server
// had not retired: what it stored last, it may have told nobody. f must not block.
func (s *Session) OnDeath(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks.death = append(s.hooks.death, f)
}

// OnLost has f called after others ended the session id of this process. Work under
// it has to end; f must not block.
func (s *Session) OnLost(f func(id string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks.lost = append(s.hooks.lost, f)
}

// Kick has the other servers looked at now, because one is known to have left.
func (s *Session) Kick() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// change returns a channel that is closed at the next change of servers or of this
// session.
func (s *Session) change() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}
