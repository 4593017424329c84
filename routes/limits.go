package routes

import (
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/middleware"
)

// Limit names the rate of a row beside those of the client and the account,
// which every row has.
type Limit string

// The limits of rows. They count by client, but LimitPassword by account.
const (
	Unlimited     Limit = "none" // not even the client's: probes come from one address
	LimitRegister Limit = "register"
	LimitLogin    Limit = "login"
	LimitRefresh  Limit = "refresh"
	LimitOAuth    Limit = "oauth"
	LimitPassword Limit = "password"
)

// Buckets holds a token bucket for each key.
type Buckets = middleware.Buckets

// Limits holds the buckets of requests. Where a bucket is nil, nothing is
// limited.
type Limits struct {
	Client  Buckets           // by network
	Account Buckets           // by user id
	Rows    map[Limit]Buckets // nil, or every limit that a row names
}

// of returns what limits r besides the client's rate: before the caller is
// known, and after.
func (l Limits) of(r Route, fail middleware.Fail) (before, after []gin.HandlerFunc, err error) {
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

// unlimited returns the paths that no limit is for.
func unlimited(table []Route) map[string]bool {
	paths := map[string]bool{}
	for _, r := range table {
		if r.Limit == Unlimited {
			paths[r.Path] = true
		}
	}
	return paths
}
