package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubeorch/core/models"
)

var errDown = errors.New("the database is down")

// database is what the servers of a test share.
type database struct {
	mu      sync.Mutex
	servers map[string]models.Server
	leases  map[string]models.LeaseRecord
	fence   int64
}

// records returns the stored sessions.
func (db *database) records() map[string]models.Server {
	db.mu.Lock()
	defer db.mu.Unlock()
	return maps.Clone(db.servers)
}

// names returns the stored leases.
func (db *database) names() []string {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Collect(maps.Keys(db.leases))
}

// view is a server's way to the database, which a test can cut or hold up.
type view struct {
	*database

	mu     sync.Mutex
	down   bool
	frozen chan struct{} // nil: it is not
	ops    int
}

func newDatabase() *database {
	return &database{servers: map[string]models.Server{}, leases: map[string]models.LeaseRecord{}}
}

// enter waits while the server is frozen and fails while the database is down.
func (v *view) enter(ctx context.Context) error {
	v.mu.Lock()
	v.ops++
	down, frozen := v.down, v.frozen
	v.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	if down {
		<-ctx.Done()
		return errDown
	}
	v.database.mu.Lock()
	return nil
}

func (v *view) set(down bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.down = down
}

// freeze holds the server up, in the middle of whatever it does next, until thaw.
func (v *view) freeze() (thaw func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	frozen := make(chan struct{})
	v.frozen = frozen
	return func() {
		v.mu.Lock()
		v.frozen = nil
		v.mu.Unlock()
		close(frozen)
	}
}

func (v *view) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := v.ops
	v.ops = 0
	return n
}

type servers struct{ *view }

func (v servers) Insert(ctx context.Context, s models.Server) error {
	if err := v.enter(ctx); err != nil {
		return err
	}
	defer v.database.mu.Unlock()
	v.servers[s.ID] = s
	return nil
}

func (v servers) Beat(ctx context.Context, id string, h models.Heartbeat) error {
	if err := v.enter(ctx); err != nil {
		return err
	}
	defer v.database.mu.Unlock()
	s, ok := v.servers[id]
	if !ok {
		return &models.Error{Kind: models.NotFound}
	}
	s.Beat, s.BeatAt, s.Seen, s.Leaving = s.Beat+1, h.At, h.Seen, h.Leaving
	v.servers[id] = s
	return nil
}

func (v servers) List(ctx context.Context) ([]models.Server, error) {
	if err := v.enter(ctx); err != nil {
		return nil, err
	}
	defer v.database.mu.Unlock()
	return slices.Collect(maps.Values(v.servers)), nil
}

func (v servers) End(ctx context.Context, id string, beat int64) (bool, error) {
	if err := v.enter(ctx); err != nil {
		return false, err
	}
	defer v.database.mu.Unlock()
	if s, ok := v.servers[id]; !ok || s.Beat != beat {
		return false, nil
	}
	delete(v.servers, id)
	return true, nil
}

func (v servers) Leave(ctx context.Context, id string) error {
	if err := v.enter(ctx); err != nil {
		return err
	}
	defer v.database.mu.Unlock()
	delete(v.servers, id)
	return nil
}

type leases struct{ *view }

func (v leases) Get(ctx context.Context, name string) (models.LeaseRecord, error) {
	if err := v.enter(ctx); err != nil {
		return models.LeaseRecord{}, err
	}
	defer v.database.mu.Unlock()
	rec := v.leases[name]
	rec.Name = name
	return rec, nil
}

func (v leases) List(ctx context.Context, prefix string) (list []models.LeaseRecord, err error) {
	if err := v.enter(ctx); err != nil {
		return nil, err
	}
	defer v.database.mu.Unlock()
	for name, rec := range v.leases {
		if strings.HasPrefix(name, prefix) {
			list = append(list, rec)
		}
	}
	return list, nil
}

func (v leases) Fences(ctx context.Context, n int) (int64, error) {
	if err := v.enter(ctx); err != nil {
		return 0, err
	}
	defer v.database.mu.Unlock()
	v.fence += int64(n)
	return v.fence - int64(n) + 1, nil
}

func (v leases) Take(ctx context.Context, seen models.LeaseRecord, holder string, fence int64, at time.Time) (bool, error) {
	if err := v.enter(ctx); err != nil {
		return false, err
	}
	defer v.database.mu.Unlock()
	if now := v.leases[seen.Name]; now.Holder != seen.Holder || now.Fence != seen.Fence {
		return false, nil
	}
	v.leases[seen.Name] = models.LeaseRecord{Name: seen.Name, Holder: holder, Fence: fence, Since: at}
	return true, nil
}

func (v leases) Release(ctx context.Context, name, holder string, fence int64) error {
	if err := v.enter(ctx); err != nil {
		return err
	}
	defer v.database.mu.Unlock()
	if rec := v.leases[name]; rec.Holder == holder && rec.Fence == fence {
		delete(v.leases, name)
	}
	return nil
}

func (v leases) Forget(ctx context.Context, name, holder string) error {
	if err := v.enter(ctx); err != nil {
		return err
	}
	defer v.database.mu.Unlock()
	if v.leases[name].Holder == holder {
		delete(v.leases, name)
	}
	return nil
}

func (v leases) ReleaseAll(ctx context.Context, holder string) error {
	if err := v.enter(ctx); err != nil {
		return err
	}
	defer v.database.mu.Unlock()
	for name, rec := range v.leases {
		if rec.Holder == holder {
			delete(v.leases, name)
		}
	}
	return nil
}

// server is one process of a test.
type server struct {
	*Session

	way  *view
	stop func() // as kill -9 does, seen from the others
}

// start starts a server whose session begins at once.
func start(t *testing.T, db *database, name string) *server {
	t.Helper()
	s, err := tryStart(t, db, Deps{Name: name, Secrets: "same"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tryStart(t *testing.T, db *database, deps Deps) (*server, error) {
	t.Helper()
	way := &view{database: db}
	deps.Servers, deps.Leases, deps.Log = servers{way}, leases{way}, slog.New(slog.DiscardHandler)
	s := &server{Session: NewSession(deps, DefaultOptions()), way: way}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	s.stop = func() { cancel(); running.Wait() }
	t.Cleanup(s.stop)
	if err := s.Register(ctx); err != nil {
		return nil, err
	}
	running.Go(func() { _ = s.Run(ctx) })
	return s, s.Join(ctx)
}

// sleep lets the time of a synctest bubble pass, and everything settle.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func items(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("c%02d", i))
	}
	return list
}
