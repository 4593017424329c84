package relay

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// keepTime and keepBytes bound the log.
	keepTime  = 2 * time.Minute
	keepBytes = 32 << 20

	// trimEvery is how often old entries are deleted; entries beyond keepBytes are
	// deleted sooner when they are this many.
	trimEvery  = 5 * time.Second
	trimExcess = 4 << 20
)

// kept are the entries in the log that this server has seen, the oldest first.
type kept struct {
	list  []keptEntry
	bytes int
	next  time.Time // when old entries are looked for again
}

type keptEntry struct {
	n    int64
	size int
	seen time.Time
}

func (k *kept) add(e models.RelayEntry, now time.Time) {
	k.list = append(k.list, keptEntry{e.N, e.Size(), now})
	k.bytes += e.Size()
}

// due returns how many entries may be deleted now. The newest one stays: it holds
// the number that the next one follows.
func (k *kept) due(now time.Time) (n int) {
	excess := k.bytes - keepBytes
	if now.Before(k.next) && excess < trimExcess {
		return 0
	}
	for n < len(k.list)-1 && (excess > 0 || now.Sub(k.list[n].seen) >= keepTime) {
		excess -= k.list[n].size
		n++
	}
	return n
}

// drop forgets the n oldest entries.
func (k *kept) drop(n int) {
	for _, e := range k.list[:n] {
		k.bytes -= e.size
	}
	k.list = append(k.list[:0], k.list[n:]...)
}

// trim deletes entries that are old or too many. All servers do; what one of them
// has deleted costs the others nothing.
func (r *Relay) trim(ctx context.Context) error {
	k, now := &r.place.kept, time.Now()
	if n := k.due(now); n > 0 {
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		if err := r.deps.Store.DeleteThrough(ctx, k.list[n-1].n); err != nil {
			return err
		}
		k.drop(n)
	}
	if !now.Before(k.next) {
		k.next = now.Add(trimEvery)
	}
	return nil
}
