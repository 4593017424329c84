package routes

import (
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/middleware"
)

// Limit names a rate limit of a row, in addition to the limits per client and
// per account that every row has.
type Limit string

// The limits of rows. LimitPassword counts per account, the others per client.
const (
	Unlimited     Limit = "none" // lifts the limit per client, too: probes come from one address
	LimitRegister Limit = "register"
	LimitLogin    Limit = "login"
	LimitRefresh  Limit = "refresh"
	LimitOAuth    Limit = "oauth"
	LimitPassword Limit = "password"
)

// Buckets holds a token bucket for each key.
type Buckets = middleware.Buckets

// Slots limits how much of something each key has at the same time.
type Slots = middleware.Slots

// Limits holds all limits. A nil one does not limit.
type Limits struct {
	Client  Buckets           // by network
	Account Buckets           // by user id
	Rows    map[Limit]Buckets // has every limit that a row names, unless it is nil

	Streams       Slots // open streams by user id
	ClientStreams Slots // open streams by network; set together with Streams
}

// middlewareFor returns the middleware for r's limits, except the one per
// client: what runs before authentication, and what runs after it.
func (l Limits) middlewareFor(r Route, fail middleware.Fail) (before, after []gin.HandlerFunc, err error) {
	if r.Access != Public && l.Account != nil {
		after = append(after, middleware.RatePerAccount(l.Account, fail))
	}
	if r.Limit == "" || r.Limit == Unlimited || l.Rows == nil {
		return nil, after, nil
	}
	b, ok := l.Rows[r.Limit]
	switch {
	case !ok:
		return nil, nil, fmt.Errorf("route %s %s: unknown limit %q", r.Method, r.Path, r.Limit)
	case r.Limit == LimitPassword:
		return nil, append(after, middleware.RatePerAccount(b, fail)), nil
	}
	return []gin.HandlerFunc{middleware.RatePerClient(b, nil, fail)}, after, nil
}

// unlimited returns the paths of the rows without any limit.
func unlimited(table []Route) map[string]bool {
	paths := map[string]bool{}
	for _, r := range table {
		if r.Limit == Unlimited {
			paths[r.Path] = true
		}
	}
	return paths
}
