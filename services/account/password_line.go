package account

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	hashWait = 20 * time.Second
	// strangersWaiting is how many logins from unknown places may wait for
	// their turn: some 4 seconds' worth of hashing on one processor. More would
	// wait in vain, since their browsers give up.
	strangersWaiting = 20
	// knownWaiting is the same for people who are signed in, have logged in from
	// there before, or have shown an invite.
	knownWaiting = 100
	// comeBack is when those who were turned away may try again.
	comeBack = 5 * time.Second
)

// line lets a few hash at a time. The others wait in two queues, of which the
// known one goes first: a flood of strangers does not keep people out.
type line struct {
	mu        sync.Mutex
	free      int
	known     []chan struct{} // closed when it is its turn
	strangers []chan struct{}
}

// enter waits for its turn; the caller calls leave. Where too many wait, or it
// takes too long, the error is Unavailable.
func (l *line) enter(ctx context.Context, known bool) (leave func(), err error) {
	turn, err := l.queue(known)
	if err != nil || turn == nil {
		return l.leave, err
	}
	ctx, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	select {
	case <-turn:
		return l.leave, nil
	case <-ctx.Done():
		l.giveUp(turn)
		return nil, busy(ctx.Err())
	}
}

// queue returns nil when there is a free place, which is then taken.
func (l *line) queue(known bool) (turn chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free > 0 {
		l.free--
		return nil, nil
	}
	queue, most := &l.strangers, strangersWaiting
	if known {
		queue, most = &l.known, knownWaiting
	}
	if len(*queue) >= most {
		return nil, busy(nil)
	}
	turn = make(chan struct{})
	*queue = append(*queue, turn)
	return turn, nil
}

// leave hands the place on to who is next.
func (l *line) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, queue := range []*[]chan struct{}{&l.known, &l.strangers} {
		if len(*queue) > 0 {
			close((*queue)[0])
			*queue = slices.Delete(*queue, 0, 1)
			return
		}
	}
	l.free++
}

// giveUp leaves the queue, or the place when it was given just now.
func (l *line) giveUp(turn chan struct{}) {
	l.mu.Lock()
	for _, queue := range []*[]chan struct{}{&l.known, &l.strangers} {
		if i := slices.Index(*queue, turn); i >= 0 {
			*queue = slices.Delete(*queue, i, i+1)
			l.mu.Unlock()
			return
		}
	}
	l.mu.Unlock()
	l.leave()
}

func busy(cause error) error {
	return &models.Error{
		Op: "account.Passwords", Kind: models.Unavailable, RetryAfter: comeBack, Err: cause,
		Msg: "too many people are signing in right now; please try again",
	}
}
