package kubernetes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

const (
	breakAfter = 5                // failures in a row
	minProbe   = time.Second      // the first pause between two probes,
	maxProbe   = 60 * time.Second // and the longest
	tellingAge = 5 * time.Second  // of a call: its end by the caller's deadline then tells of the cluster
)

// Reach is what a connection knows about whether its cluster can be reached.
type Reach struct {
	Failures int       // in a row: connections that fail or break, and answers that do not come
	Open     bool      // calls are refused at once, probes aside
	Since    time.Time // of the first of these failures; zero without any
	NextTry  time.Time // when a call is let through again; zero unless Open
	Cause    string    // the newest failure, in words for users
}

type eagerness uint8

const (
	patient eagerness = iota // leaves probing to others until it is due
	eager                    // tries when nobody did so within the last second
	certain                  // tries
)

type eagernessKey struct{}

// Insist returns a context whose calls try a cluster that is out of reach
// again, although the next try is not due yet, yet not more often than once a
// second. It is for work that a person is waiting for.
func Insist(ctx context.Context) context.Context {
	return context.WithValue(ctx, eagernessKey{}, eager)
}

// certainly is Insist for the check that finds out.
func certainly(ctx context.Context) context.Context {
	return context.WithValue(ctx, eagernessKey{}, certain)
}

// breaker refuses calls to a cluster that is out of reach, so that they cost
// nobody time. Now and then one is let through, and its success ends that for
// all. It is safe for concurrent use.
type breaker struct {
	next    http.RoundTripper
	telling time.Duration // after which a timeout is the cluster's fault
	now     func() time.Time

	mu     sync.Mutex
	reach  Reach
	cause  *Error
	pause  time.Duration
	last   time.Time     // of the newest failure
	probed chan struct{} // closed when the probe under way has ended; nil without one
}

func newBreaker(next http.RoundTripper, lim limits) *breaker {
	return &breaker{next: next, telling: min(tellingAge, lim.request, lim.headers), now: time.Now}
}

// RoundTrip sends r, or refuses it at once with an *Error of the reason of the
// newest failure.
func (b *breaker) RoundTrip(r *http.Request) (*http.Response, error) {
	probe, err := b.enter(r.Context())
	if err != nil {
		closeBody(r)
		return nil, err
	}
	begin := b.now()
	resp, err := b.next.RoundTrip(r)
	b.leave(probe, err, b.now().Sub(begin))
	if err != nil && r.Context().Value(eagernessKey{}) == certain {
		err = final(err)
	}
	return resp, err
}

// final hides what kind of error the cause of err is: after a reset, client-go
// would try again once a second, ten times.
func final(err error) *Error {
	e := *Translate(err)
	e.Err = opaque{err}
	return &e
}

type opaque struct{ cause error }

// Error is for operators.
func (o opaque) Error() string { return o.cause.Error() }

// state returns what is known.
func (b *breaker) state() Reach {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reach
}

// enter returns the probe that the caller has to end, if it is one.
func (b *breaker) enter(ctx context.Context) (probe chan struct{}, err error) {
	how, _ := ctx.Value(eagernessKey{}).(eagerness)
	for {
		b.mu.Lock()
		if !b.reach.Open || how == certain {
			b.mu.Unlock()
			return nil, nil
		}
		under := b.probed
		if under == nil && b.due(how) {
			b.probed = make(chan struct{})
			defer b.mu.Unlock()
			return b.probed, nil
		}
		refusal := b.refusal()
		b.mu.Unlock()
		if under == nil || how == patient {
			return nil, refusal
		}
		select { // its outcome counts for the caller, too
		case <-under:
		case <-ctx.Done():
			return nil, refusal
		}
	}
}

// due reports whether it is time for a probe. b.mu must be held.
func (b *breaker) due(how eagerness) bool {
	if how == eager {
		return !b.now().Before(b.last.Add(minProbe))
	}
	return !b.now().Before(b.reach.NextTry)
}

func (b *breaker) refusal() *Error {
	return &Error{Reason: b.cause.Reason, Err: opaque{b.cause}, Message: fmt.Sprintf("the cluster has been out of reach since %s: %s",
		b.reach.Since.UTC().Format("2006-01-02 15:04:05 UTC"), b.cause.Message)}
}

func (b *breaker) leave(probe chan struct{}, err error, took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe != nil {
		b.probed = nil
		close(probe)
	}
	e := Translate(err)
	switch {
	case e == nil, e.Reason == NotKubernetes, e.Reason == Busy, e.Reason == Unauthorized, e.Reason == TooLarge:
		b.reach, b.cause, b.pause = Reach{}, nil, 0 // it answers
	case e.Reason == Unreachable, e.Reason == Timeout && took >= b.telling:
		b.failed(e)
	}
}

// failed counts e. b.mu must be held.
func (b *breaker) failed(e *Error) {
	b.last, b.cause = b.now(), e
	if b.reach.Failures == 0 {
		b.reach.Since = b.last
	}
	b.reach.Failures++
	b.reach.Cause = e.Message
	if b.reach.Failures < breakAfter || b.reach.NextTry.After(b.last) {
		return // of those that went out together, one lengthens the pause
	}
	b.reach.Open = true
	b.pause = min(max(2*b.pause, minProbe), maxProbe)
	b.reach.NextTry = b.last.Add(b.pause*3/4 + rand.N(b.pause/2)) //nolint:gosec // jitter needs no secrecy
}
