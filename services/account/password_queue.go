package account

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	hashTimeout = 20 * time.Second // in a queue
	// maxUnknownWaiting bounds the waiting logins from unknown networks: 4 seconds
	// of hashing on one processor. Browsers would give up on a longer queue.
	maxUnknownWaiting = 20
	// maxKnownWaiting bounds the others: people who are signed in, have logged in
	// from their network before, or have shown an invite.
	maxKnownWaiting = 100
	// busyRetryAfter is sent when a queue is full.
	busyRetryAfter = 5 * time.Second
)

// hashQueue bounds how many hash at a time. The others wait in two queues. The
// known one goes first, so that a flood of unknown clients keeps nobody out.
type hashQueue struct {
	mu      sync.Mutex
	free    int
	known   []chan struct{} // each is closed when its turn comes
	unknown []chan struct{}
}

// acquire waits for a place; the caller must call release. It is Unavailable when
// the queue is full, and after hashTimeout.
func (q *hashQueue) acquire(ctx context.Context, known bool) (release func(), err error) {
	turn, err := q.wait(known)
	if err != nil || turn == nil {
		return q.release, err
	}
	ctx, cancel := context.WithTimeout(ctx, hashTimeout)
	defer cancel()
	select {
	case <-turn:
		return q.release, nil
	case <-ctx.Done():
		q.giveUp(turn)
		return nil, busy(ctx.Err())
	}
}

// wait takes a free place and returns nil, or joins a queue and returns its turn.
func (q *hashQueue) wait(known bool) (turn chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free > 0 {
		q.free--
		return nil, nil
	}
	list, most := q.line(known)
	if len(*list) >= most {
		return nil, busy(nil)
	}
	turn = make(chan struct{})
	*list = append(*list, turn)
	return turn, nil
}

// line returns a queue and how many may wait in it. q.mu must be held.
func (q *hashQueue) line(known bool) (list *[]chan struct{}, most int) {
	if known {
		return &q.known, maxKnownWaiting
	}
	return &q.unknown, maxUnknownWaiting
}

// full reports whether acquire would be Unavailable at once.
func (q *hashQueue) full(known bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	list, most := q.line(known)
	return q.free == 0 && len(*list) >= most
}

// release gives the place to the next in the queues.
func (q *hashQueue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, queue := range []*[]chan struct{}{&q.known, &q.unknown} {
		if len(*queue) > 0 {
			close((*queue)[0])
			*queue = slices.Delete(*queue, 0, 1)
			return
		}
	}
	q.free++
}

// giveUp takes turn out of its queue, or releases the place that it got meanwhile.
func (q *hashQueue) giveUp(turn chan struct{}) {
	q.mu.Lock()
	for _, queue := range []*[]chan struct{}{&q.known, &q.unknown} {
		if i := slices.Index(*queue, turn); i >= 0 {
			*queue = slices.Delete(*queue, i, i+1)
			q.mu.Unlock()
			return
		}
	}
	q.mu.Unlock()
	q.release()
}

func busy(cause error) error {
	return &models.Error{
		Op: "account.Passwords", Kind: models.Unavailable, RetryAfter: busyRetryAfter, Err: cause,
		Msg: "too many people are signing in right now; please try again",
	}
}
