package kubernetes

import (
	"net/http"
	"sync/atomic"

	"golang.org/x/time/rate"
)

const (
	paceQPS   = 50
	paceBurst = 300
	fairness  = "X-Kubernetes-Pf-Flowschema-Uid"
)

// pace limits the requests per second until the server announces that it
// shares itself out among its clients, by priority and fairness. It is safe
// for concurrent use.
type pace struct {
	next  http.RoundTripper
	limit *rate.Limiter
	fair  atomic.Bool
}

func newPace(next http.RoundTripper) *pace {
	return &pace{next: next, limit: rate.NewLimiter(paceQPS, paceBurst)}
}

// RoundTrip sends r when it is its turn.
func (p *pace) RoundTrip(r *http.Request) (*http.Response, error) {
	if !p.fair.Load() {
		if err := p.limit.Wait(r.Context()); err != nil {
			closeBody(r)
			if r.Context().Err() != nil {
				return nil, r.Context().Err()
			}
			return nil, &Error{Reason: Busy, Message: "too many requests to the cluster are waiting", Err: err}
		}
	}
	resp, err := p.next.RoundTrip(r)
	if err == nil && resp.Header.Get(fairness) != "" {
		p.fair.Store(true)
	}
	return resp, err
}
