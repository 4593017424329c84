package relay

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kubeorch/core/models"
)

const (
	// queueBytes bounds what waits to be appended.
	queueBytes = 8 << 20

	// entryMessages and entryBytes bound an entry. An event has the number of its
	// entry times numbers plus its index, so that there are numbers for all.
	entryMessages = 1000
	entryBytes    = 512 << 10
	numbers       = 1024
)

// queued is a message that waits to be appended.
type queued struct {
	models.RelayMessage

	session string // in which it was sent
	seq     uint64 // counts what was sent
}

// queue holds messages while this server is not alone. Its zero value is closed.
type queue struct {
	gaps *atomic.Int64 // counts the events that became gaps
	open atomic.Bool   // changed under mu

	mu      sync.Mutex
	ended   bool
	list    []queued
	bytes   int
	sent    uint64        // seq of the newest message
	settled uint64        // everything up to this seq is in the log, or never will be
	changed chan struct{} // closed when settled grows; nil: nobody waits
}

func (q *queue) isOpen() bool { return q.open.Load() }

// begin opens the queue, unless it has ended, and reports whether it is open.
func (q *queue) begin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open.Store(!q.ended)
	return !q.ended
}

// close forgets what is queued and refuses messages until begin.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open.Store(false)
	q.list, q.bytes = nil, 0
	q.settle()
}

// end closes the queue for ever.
func (q *queue) end() {
	q.close()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
}

func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// put reports whether the queue is open and now holds m, or what stands for it.
func (q *queue) put(m queued) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.isOpen() {
		return false
	}
	q.sent++
	m.seq = q.sent
	if m.Size() > entryBytes {
		m = q.gapFor(m)
	}
	if q.bytes+m.Size() > queueBytes {
		q.collapse()
	}
	q.list = append(q.list, m)
	q.bytes += m.Size()
	return true
}

// gapFor returns what stands for a message that is too large.
func (q *queue) gapFor(m queued) queued {
	if m.Topic == models.TopicEvent {
		q.gaps.Add(1)
		return gap(m.Key, m.seq)
	}
	return gap("", m.seq)
}

func gap(key string, seq uint64) queued {
	return queued{RelayMessage: models.RelayMessage{Topic: models.TopicGap, Key: key}, seq: seq}
}

// collapse makes room: all queued events become gaps and, if that is not enough,
// everything becomes one gap.
func (q *queue) collapse() {
	q.list = withGaps(q.list, func(queued) bool { return true }, q.gaps)
	if q.bytes = sizeOf(q.list); q.bytes > queueBytes/2 {
		q.list = []queued{gap("", q.list[0].seq)}
		q.bytes = sizeOf(q.list)
	}
}

// take removes as many of the oldest messages as an entry may have. It returns nil
// when there are none.
func (q *queue) take() []queued {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, bytes := 0, 0
	for n < len(q.list) && n < entryMessages && (n == 0 || bytes+q.list[n].Size() <= entryBytes) {
		bytes += q.list[n].Size()
		n++
	}
	taken := slices.Clone(q.list[:n])
	q.list = slices.Delete(q.list, 0, n)
	if q.bytes -= bytes; len(q.list) == 0 {
		q.list = nil // what a burst needed is not kept
	}
	return taken
}

// appended notes that all that was taken is in the log.
func (q *queue) appended() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settle()
}

// settle needs q.mu, and that nothing taken is still to be appended.
func (q *queue) settle() {
	if q.settled = q.sent; len(q.list) > 0 {
		q.settled = q.list[0].seq - 1
	}
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}

// wait returns when everything that has been put is settled, or ctx ends.
func (q *queue) wait(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for target := q.sent; q.settled < target; {
		if q.changed == nil {
			q.changed = make(chan struct{})
		}
		changed := q.changed
		q.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		q.mu.Lock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func sizeOf(list []queued) (size int) {
	for _, m := range list {
		size += m.Size()
	}
	return size
}

// withGaps puts gaps in the place of those events that are lost, one for each stream
// where no other event of it lies in between. The gap comes before later events of
// its stream: their effects may be in the snapshot, and the last of them still comes
// last.
func withGaps(list []queued, lost func(queued) bool, count *atomic.Int64) []queued {
	kept := list[:0]
	gapped := map[string]bool{}
	for _, m := range list {
		switch {
		case m.Topic == models.TopicEvent && lost(m):
			count.Add(1)
			m = gap(m.Key, m.seq)
		case m.Topic == models.TopicEvent:
			delete(gapped, m.Key)
		}
		if m.Topic == models.TopicGap {
			if gapped[m.Key] {
				continue
			}
			gapped[m.Key] = true
		}
		kept = append(kept, m)
	}
	clear(list[len(kept):])
	return kept
}
