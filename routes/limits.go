package routes

import (
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/middleware"
)

// Limit names the rate of a row beside those of the client and the account,
// which every row has.
type Limit string

// The limits of rows. Those of public rows count by client, the others by
// account.
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

// of returns what limits r besides the client's rate.
func (l Limits) of(r Route, fail middleware.Fail) (chain []gin.HandlerFunc, err error) {
	if r.Access != Public && l.Account != nil {
		chain = append(chain, middleware.RatePerAccount(l.Account, fail))
	}
	if r.Limit == "" || r.Limit == Unlimited || l.Rows == nil {
		return chain, nil
	}
	b, ok := l.Rows[r.Limit]
	switch {
	case !ok:
		return nil, fmt.Errorf("route %s %s: unknown limit %q", r.Method, r.Path, r.Limit)
	case r.Access == Public:
		return append(chain, middleware.RatePerClient(b, nil, fail)), nil
	}
	return append(chain, middleware.RatePerAccount(b, fail)), nil
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
