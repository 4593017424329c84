package kubernetes

import (
	"net/http"
	"sync/atomic"

	"golang.org/x/time/rate"
)

const (
	requestsPerSecond = 50
	requestBurst      = 300
	fairnessHeader    = "X-Kubernetes-Pf-Flowschema-Uid"
)

// rateLimitTransport limits the requests per second until a response shows that
// the API server limits its clients itself, by priority and fairness. It is safe
// for concurrent use.
type rateLimitTransport struct {
	next  http.RoundTripper
	limit *rate.Limiter
	fair  atomic.Bool
}

func newRateLimitTransport(next http.RoundTripper) *rateLimitTransport {
	return &rateLimitTransport{next: next, limit: rate.NewLimiter(requestsPerSecond, requestBurst)}
}

// RoundTrip sends r when the rate allows it.
func (t *rateLimitTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.fair.Load() {
		if err := t.limit.Wait(r.Context()); err != nil {
			closeBody(r)
			if r.Context().Err() != nil {
				return nil, r.Context().Err()
			}
			return nil, &Error{Reason: Busy, Message: "too many requests to the cluster are waiting", Err: err}
		}
	}
	resp, err := t.next.RoundTrip(r)
	if err == nil && resp.Header.Get(fairnessHeader) != "" {
		t.fair.Store(true)
	}
	return resp, err
}
