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
	breakAfter    = 5                // failures in a row
	minProbePause = time.Second      // between two probes
	maxProbePause = 60 * time.Second // between two probes
	slowAfter     = 5 * time.Second  // a call that times out later than this is a failure of the cluster
)

// Reach tells whether a cluster can be reached, as far as a connection knows.
type Reach struct {
	Failures int       // in a row: connections that failed or broke, and time-outs
	Open     bool      // the circuit is open: calls fail at once, except probes
	Since    time.Time // of the first of the failures; zero without any
	NextTry  time.Time // of the next probe; zero unless Open
	Cause    string    // the newest failure, in words for users
}

// probing tells when a call to a cluster that is out of reach is a probe.
type probing uint8

const (
	probeWhenDue probing = iota // at Reach.NextTry
	probeEarly                  // a second after the last failure
	probeAlways                 // at once
)

type probingKey struct{}

func probingOf(ctx context.Context) probing {
	p, _ := ctx.Value(probingKey{}).(probing)
	return p
}

// ProbeEarly returns a context whose calls probe a cluster that is out of reach
// before the next probe is due, though once a second at most. It is for work
// that a person waits for.
func ProbeEarly(ctx context.Context) context.Context {
	return context.WithValue(ctx, probingKey{}, probeEarly)
}

// withProbe returns a context whose calls are always sent.
func withProbe(ctx context.Context) context.Context {
	return context.WithValue(ctx, probingKey{}, probeAlways)
}

// breaker is a circuit breaker: while a cluster is out of reach, calls fail at
// once. Single calls are let through as probes, with growing pauses; the success
// of one closes the circuit. It is safe for concurrent use.
type breaker struct {
	next      http.RoundTripper
	slowAfter time.Duration // a time-out after less is the caller's impatience
	now       func() time.Time

	mu    sync.Mutex
	reach Reach
	cause *Error
	pause time.Duration
	last  time.Time     // of the newest failure
	probe chan struct{} // closed when the running probe ends; nil without one
}

func newBreaker(next http.RoundTripper, lim limits) *breaker {
	return &breaker{next: next, slowAfter: min(slowAfter, lim.request, lim.headers), now: time.Now}
}

// RoundTrip sends r, or fails at once with an *Error that has the reason of the
// newest failure.
func (b *breaker) RoundTrip(r *http.Request) (*http.Response, error) {
	probe, err := b.admit(r.Context())
	if err != nil {
		closeBody(r)
		return nil, err
	}
	begin := b.now()
	resp, err := b.next.RoundTrip(r)
	b.record(probe, err, b.now().Sub(begin))
	if err != nil && probingOf(r.Context()) == probeAlways {
		err = withoutRetries(err)
	}
	return resp, err
}

// withoutRetries hides the type of the cause of err from client-go, which would
// repeat a request ten times, once a second, after a connection reset.
func withoutRetries(err error) *Error {
	e := *Translate(err)
	e.Err = hiddenCause{err}
	return &e
}

type hiddenCause struct{ cause error }

// Error is for operators.
func (h hiddenCause) Error() string { return h.cause.Error() }

// state returns a copy of what is known.
func (b *breaker) state() Reach {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reach
}

// admit lets a call through or returns why it fails. probe is set when the call
// is a probe, and is passed on to record.
func (b *breaker) admit(ctx context.Context) (probe chan struct{}, err error) {
	how := probingOf(ctx)
	for {
		b.mu.Lock()
		if !b.reach.Open || how == probeAlways {
			b.mu.Unlock()
			return nil, nil
		}
		running := b.probe
		if running == nil && b.due(how) {
			b.probe = make(chan struct{})
			defer b.mu.Unlock()
			return b.probe, nil
		}
		refusal := b.refusal()
		b.mu.Unlock()
		if running == nil || how == probeWhenDue {
			return nil, refusal
		}
		select { // the outcome of the running probe decides
		case <-running:
		case <-ctx.Done():
			return nil, refusal
		}
	}
}

// due reports whether it is time for a probe. b.mu must be held.
func (b *breaker) due(how probing) bool {
	if how == probeEarly {
		return !b.now().Before(b.last.Add(minProbePause))
	}
	return !b.now().Before(b.reach.NextTry)
}

func (b *breaker) refusal() *Error {
	return &Error{Reason: b.cause.Reason, Err: hiddenCause{b.cause}, Message: fmt.Sprintf("the cluster has been out of reach since %s: %s",
		b.reach.Since.UTC().Format("2006-01-02 15:04:05 UTC"), b.cause.Message)}
}

// record takes the outcome of a call into account.
func (b *breaker) record(probe chan struct{}, err error, took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe != nil {
		b.probe = nil
		close(probe)
	}
	e := Translate(err)
	switch {
	case e == nil, e.Reason == NotKubernetes, e.Reason == Busy, e.Reason == Unauthorized, e.Reason == TooLarge:
		b.reach, b.cause, b.pause = Reach{}, nil, 0 // it answers
	case e.Reason == Unreachable, e.Reason == Timeout && took >= b.slowAfter:
		b.fail(e)
	}
}

// fail counts e, and opens the circuit or lengthens the pause. b.mu must be held.
func (b *breaker) fail(e *Error) {
	b.last, b.cause = b.now(), e
	if b.reach.Failures == 0 {
		b.reach.Since = b.last
	}
	b.reach.Failures++
	b.reach.Cause = e.Message
	if b.reach.Failures < breakAfter || b.reach.NextTry.After(b.last) {
		return // of calls that were sent together, one lengthens the pause
	}
	b.reach.Open = true
	b.pause = min(max(2*b.pause, minProbePause), maxProbePause)
	b.reach.NextTry = b.last.Add(b.pause*3/4 + rand.N(b.pause/2)) //nolint:gosec // jitter needs no secrecy
}
