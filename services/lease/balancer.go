package lease

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

// ClusterPrefix begins the names of the leases on clusters, in front of their ids.
const ClusterPrefix = "cluster:"

const (
	// balanceEvery is the time between two looks at all items, for what no call of
	// Nudge told.
	balanceEvery = time.Minute
	// balanceRetry is the same after a failure, and while items are free.
	balanceRetry = 5 * time.Second
	// balanceGap lets what happens at the same moment share one look.
	balanceGap = 50 * time.Millisecond
	// balanceTime bounds one look.
	balanceTime = 10 * time.Second
	// endTime bounds giving up everything when the server stops.
	endTime = 5 * time.Second
)

// balancedLeases lists and removes leases.
type balancedLeases interface {
	List(ctx context.Context, prefix string) ([]models.LeaseRecord, error)
	Forget(ctx context.Context, name, holder string) error
}

// BalancerDeps is what a Balancer works with.
type BalancerDeps struct {
	Session *Session
	Leases  balancedLeases // as in the session's Deps
	Prefix  string         // of the leases' names, such as "cluster:"
	// Items returns the ids of all items.
	Items func(ctx context.Context) ([]string, error)
	// Gained is called when this server holds an item. It must not block.
	Gained func(item string)
	// Releasing ends the work on an item and returns when it has ended; then another
	// server may take the item.
	Releasing func(ctx context.Context, item string)
	// Released tells the other servers that items are free. It must not block.
	Released func()
	Log      *slog.Logger
}

// Balancer has this server hold its share of items, by a lease for each: as many as
// each of the other servers, give or take one. When servers come, go or die, items
// move, and no more of them than necessary. It is safe for concurrent use.
type Balancer struct {
	deps  BalancerDeps
	nudge chan struct{}

	mu   sync.Mutex
	held map[string]*Lease // by item
}

// NewBalancer returns a balancer that holds nothing before Run.
func NewBalancer(deps BalancerDeps) *Balancer {
	b := &Balancer{deps: deps, nudge: make(chan struct{}, 1), held: map[string]*Lease{}}
	deps.Session.OnChange(b.Nudge)
	return b
}

// Holds reports whether this server holds an item at this moment, and under which
// fencing number. Where no other process can use the database it holds all of them,
// and the number is 0.
func (b *Balancer) Holds(item string) (fence int64, held bool) {
	if b.deps.Session.solo() {
		return 0, true
	}
	b.mu.Lock()
	l := b.held[item]
	b.mu.Unlock()
	if l == nil || !l.Held() {
		return 0, false
	}
	return l.Fence, true
}

// Nudge has the items looked at soon, because some came or went or are free.
func (b *Balancer) Nudge() {
	select {
	case b.nudge <- struct{}{}:
	default:
	}
}

// Run holds this server's share until ctx ends. It returns nil after the work on
// all items has ended and they are free.
func (b *Balancer) Run(ctx context.Context) error {
	if b.deps.Session.solo() {
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		wait := balanceEvery
		if settled, err := b.balance(ctx); err != nil || !settled {
			wait = balanceRetry
			if err != nil && ctx.Err() == nil {
				b.deps.Log.WarnContext(ctx, "work could not be divided among the servers", "leases", b.deps.Prefix, "err", err)
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-b.nudge:
			_ = pause(ctx, balanceGap)
		case <-timer.C:
		}
		timer.Stop()
	}
	b.endAll(context.WithoutCancel(ctx))
	return nil
}

// endAll gives all items up, so that the other servers take them at once.
func (b *Balancer) endAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	if err := b.release(ctx, 0); err != nil {
		b.deps.Log.WarnContext(ctx, "work could not be given up; other servers take it when this session is over", "err", err)
	}
}

// drop ends the work on an item, which this server does not hold from here on.
func (b *Balancer) drop(ctx context.Context, item string) {
	b.mu.Lock()
	delete(b.held, item)
	b.mu.Unlock()
	b.deps.Releasing(ctx, item)
}

func (b *Balancer) snapshot() map[string]*Lease {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(map[string]*Lease, len(b.held))
	for item, l := range b.held {
		all[item] = l
	}
	return all
}
