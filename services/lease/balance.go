package lease

import (
	"cmp"
	"context"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/kubeorch/core/models"
)

// balance looks once. settled is false while items are free that no server has
// taken yet.
func (b *Balancer) balance(ctx context.Context) (settled bool, err error) {
	b.dropLost(ctx)
	ctx, cancel := context.WithTimeout(ctx, balanceTime)
	defer cancel()
	items, err := b.deps.Items(ctx)
	if err != nil {
		return false, err
	}
	leases, err := b.deps.Leases.List(ctx, b.deps.Prefix)
	if err != nil {
		return false, err
	}
	// Read after the leases: a holder that is not among these sessions is over.
	sessions, err := b.deps.Session.Sessions(ctx)
	if err != nil {
		return false, err
	}
	if err := b.forget(ctx, items, leases, sessions); err != nil {
		return false, err
	}
	servers := max(1, len(b.deps.Session.working()))
	share := (len(items) + servers - 1) / servers
	if err := b.release(ctx, share); err != nil {
		return false, err
	}
	free := b.free(items, leases, sessions)
	taken, err := b.take(ctx, free, share)
	return err == nil && taken == len(free), err
}

// dropLost ends the work on items whose leases were lost.
func (b *Balancer) dropLost(ctx context.Context) {
	for item, l := range b.snapshot() {
		if !l.Held() {
			b.drop(ctx, item)
		}
	}
}

// forget removes the leases of items that exist no longer: those of this server
// and those of servers that are gone.
func (b *Balancer) forget(ctx context.Context, items []string, leases []models.LeaseRecord, sessions map[string]bool) error {
	exists := make(map[string]bool, len(items))
	for _, item := range items {
		exists[item] = true
	}
	for item := range b.snapshot() {
		if !exists[item] {
			b.drop(ctx, item)
		}
	}
	for _, rec := range leases {
		if !exists[b.item(rec)] && (rec.Holder == b.deps.Session.ID() || !sessions[rec.Holder]) {
			if err := b.deps.Leases.Forget(ctx, rec.Name, rec.Holder); err != nil {
				return err
			}
		}
	}
	return nil
}

// release gives up what is beyond this server's share.
func (b *Balancer) release(ctx context.Context, share int) error {
	held := b.snapshot()
	all := make([]string, 0, len(held))
	for item := range held {
		all = append(all, item)
	}
	if len(all) <= share {
		return nil
	}
	b.rank(all)
	for _, item := range all[share:] {
		l := held[item]
		b.drop(ctx, item)
		if err := l.Release(ctx); err != nil {
			return err
		}
	}
	b.deps.Released()
	return nil
}

// free returns the leases that nobody holds.
func (b *Balancer) free(items []string, leases []models.LeaseRecord, sessions map[string]bool) (free []models.LeaseRecord) {
	known := make(map[string]models.LeaseRecord, len(leases))
	for _, rec := range leases {
		known[b.item(rec)] = rec
	}
	held := b.snapshot()
	for _, item := range items {
		rec, taken := known[item]
		if !taken {
			rec.Name = b.deps.Prefix + item
		}
		stale := rec.Holder == b.deps.Session.ID() && held[item] == nil
		if !taken || stale || !sessions[rec.Holder] {
			free = append(free, rec)
		}
	}
	return free
}

// take takes free leases up to this server's share, and returns how many of free
// are taken now.
func (b *Balancer) take(ctx context.Context, free []models.LeaseRecord, share int) (taken int, err error) {
	most := min(len(free), share-len(b.snapshot()))
	if most <= 0 {
		return 0, nil
	}
	names := map[string]models.LeaseRecord{}
	items := make([]string, len(free))
	for i, rec := range free {
		items[i] = b.item(rec)
		names[items[i]] = rec
	}
	b.rank(items) // servers begin at different ones
	fence, err := b.deps.Session.deps.Leases.Fences(ctx, most)
	if err != nil {
		return 0, err
	}
	for _, item := range items {
		if taken == most {
			break
		}
		l, err := b.deps.Session.take(ctx, names[item], fence)
		if err != nil {
			return taken, err
		}
		if l == nil {
			continue // another server was faster
		}
		taken, fence = taken+1, fence+1
		b.mu.Lock()
		b.held[item] = l
		b.mu.Unlock()
		b.deps.Gained(item)
	}
	return taken, nil
}

func (b *Balancer) item(rec models.LeaseRecord) string {
	return strings.TrimPrefix(rec.Name, b.deps.Prefix)
}

// rank orders items by how much they suit this server: each server has an order of
// its own, which stays.
func (b *Balancer) rank(items []string) {
	weight := func(item string) uint64 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(b.deps.Session.deps.Name + "\x00" + b.deps.Session.ID() + "\x00" + item))
		return h.Sum64()
	}
	slices.SortFunc(items, func(x, y string) int { return cmp.Or(cmp.Compare(weight(y), weight(x)), cmp.Compare(x, y)) })
}
