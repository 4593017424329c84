package podlog

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
	"github.com/kubeorch/core/pkg/panics"
)

const kindPod = "Pod"

const (
	// accountSources is how many containers an account follows at the same time.
	accountSources = 500
	// pastBytes and accountPastBytes are for past lines that are being sorted.
	pastBytes        = 128 << 20
	accountPastBytes = 16 << 20
)

// resources finds what logs are asked for.
type resources interface {
	// Hold returns a record that the user may do action with. The context that it
	// returns ends with that permission; its cause says why. release must be called.
	Hold(ctx context.Context, userID, id string, action models.ClusterAction) (r models.Resource, held context.Context, release context.CancelFunc, err error)
	// Pods returns the pods of a workload, the oldest first.
	Pods(ctx context.Context, userID, id string) ([]models.Resource, error)
}

// Deps is what Manager works with.
type Deps struct {
	Resources resources
	Connect   Connect
	Log       *slog.Logger
}

// Manager opens logs for viewers, who share what they follow. Start must be called
// first. It is safe for concurrent use.
type Manager struct {
	deps  Deps
	slots *limit.Slots // of followed containers, by account
	past  *limit.Pool[string]

	ctx     context.Context //nolint:containedctx // of all that goes on between Start and Stop
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	feeds map[feedKey]*feed
	count atomic.Int64 // of feeds, for whoever has no mu
}

// NewManager returns a manager that opens nothing before Start.
func NewManager(d Deps) *Manager {
	return &Manager{
		deps: d, slots: limit.NewSlots(accountSources), past: limit.NewPool[string](pastBytes, accountPastBytes),
		feeds: map[feedKey]*feed{},
	}
}

// Start permits logs to be opened until Stop. The end of ctx does not stop them.
func (m *Manager) Start(ctx context.Context) {
	m.ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
}

// Stop ends all views and downloads, and waits until they are closed and nothing is
// followed, or ctx ends.
func (m *Manager) Stop(ctx context.Context) error {
	if m.cancel == nil { // never started
		return nil
	}
	m.mu.Lock()
	m.cancel()
	m.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.running.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Followed returns the number of containers that are followed now.
func (m *Manager) Followed() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.feeds)
}

// goes runs f in a goroutine that Stop waits for. It returns false after Stop.
func (m *Manager) goes(f func(context.Context)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.goesLocked(f)
}

// enter has Stop wait until leave is called.
func (m *Manager) enter() (leave func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx == nil || m.ctx.Err() != nil {
		return nil, stopping("podlog.Manager.enter")
	}
	m.running.Add(1)
	return m.running.Done, nil
}

func (m *Manager) goesLocked(f func(context.Context)) bool {
	if m.ctx == nil || m.ctx.Err() != nil {
		return false
	}
	m.running.Go(func() {
		err := panics.ToError(func() error { f(m.ctx); return nil })
		if err != nil {
			m.deps.Log.ErrorContext(m.ctx, "following a log panicked", "err", err)
		}
	})
	return true
}

// join returns a place in the feed of key, which it starts if there is none.
func (m *Manager) join(key feedKey, signal chan<- struct{}) (*place, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.feeds[key]
	if f == nil || f.over() {
		ctx, cancel := context.WithCancel(m.ctx)
		f = newFeed(key, cancel, m.feedLimit)
		if !m.goesLocked(func(context.Context) { (&follower{feed: f, connect: m.deps.Connect}).run(ctx) }) {
			cancel()
			return nil, stopping("podlog.Manager.join")
		}
		m.feeds[key] = f
		m.count.Store(int64(len(m.feeds)))
	}
	return f.join(signal), nil
}

// leave gives up a place. What nobody follows ends.
func (m *Manager) leave(p *place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := p.feed
	if !f.leave(p) {
		return
	}
	f.cancel()
	if m.feeds[f.key] == f {
		delete(m.feeds, f.key)
		m.count.Store(int64(len(m.feeds)))
	}
}

// feedLimit is how many bytes each feed may keep.
func (m *Manager) feedLimit() int {
	return min(feedBytes, allFeedBytes/max(1, int(m.count.Load())))
}

// Open begins to read the logs of a pod, or of the pods of a workload, that the user
// may see: the lines from before, and then, if the query says so, new ones. Others' are
// NotFound; what has no logs, and a container that is not there, is Invalid. It takes some
// seconds at most. The view must be closed.
func (m *Manager) Open(ctx context.Context, userID, id string, q models.LogQuery) (*View, error) {
	o, err := m.open(ctx, userID, id, q)
	if err != nil {
		return nil, err
	}
	v := newView(m, o)
	if err := v.start(); err != nil {
		o.release()
		return nil, err
	}
	return v, nil
}
