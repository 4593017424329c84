package app

import (
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
	"github.com/kubeorch/core/routes"
)

const (
	// limitedKeys is how many clients, and accounts, have a bucket at a time.
	// Each takes 150 bytes.
	limitedKeys = 65_536
	// limitedLogins is the same for each of the tighter limits.
	limitedLogins = 16_384

	// accountShare is how many clients' worth of requests one account has: its
	// owner's browsers and scripts at several places.
	accountShare = 4
)

// limits returns the buckets of requests as configured.
func (s *Server) limits() routes.Limits {
	rps, burst := s.cfg.RateLimitRPS, s.cfg.RateLimitBurst
	return routes.Limits{
		Client:  buckets(limit.Rate{PerSecond: float64(rps), Burst: burst}, limitedKeys),
		Account: buckets(limit.Rate{PerSecond: float64(accountShare * rps), Burst: accountShare * burst}, limitedKeys),
		Rows: map[routes.Limit]routes.Buckets{
			// An account is made once in a while.
			routes.LimitRegister: s.perMinute(1, 2),
			routes.LimitLogin:    s.perMinute(1, 1),
			// People of one office share an address, and their browsers refresh by themselves.
			routes.LimitRefresh: s.perMinute(3, 1),
			// Logging in through a provider takes three requests.
			routes.LimitOAuth:    s.perMinute(6, 1),
			routes.LimitPassword: s.perMinute(1, 1),
		},
		Streams:       limit.NewSlots(s.cfg.MaxStreams),
		ClientStreams: limit.NewSlots(accountShare * s.cfg.MaxStreams),
	}
}

// accountLimits is how much each account may have, as configured.
func (s *Server) accountLimits() models.AccountLimits {
	return models.AccountLimits{
		Workflows: s.cfg.MaxWorkflows, Versions: s.cfg.MaxVersions, APITokens: s.cfg.MaxAPITokens,
		Clusters: s.cfg.MaxClusters, Streams: s.cfg.MaxStreams, StoredBytes: s.cfg.MaxStoredBytes,
	}
}

// perMinute returns buckets of times/by of the logins that a client may make.
func (s *Server) perMinute(times, by int) routes.Buckets {
	n := (s.cfg.RateLimitAuth*times + by - 1) / by
	return buckets(limit.Rate{PerSecond: float64(n) / 60, Burst: n}, limitedLogins)
}

func buckets(r limit.Rate, keys int) routes.Buckets {
	return limit.NewBuckets[string](r, keys, time.Now)
}

// bodyLimits divides the configured memory: what bodies become may take all of
// it, and an account a quarter; what has arrived takes at most a third more. One body
// of the largest size always fits.
func (s *Server) bodyLimits() *routes.Bodies {
	memory, largest := s.cfg.BodyMemory, s.cfg.MaxBody
	return routes.NewBodies(routes.BodyLimits{
		Strangers: limit.NewPool[string](memory/16, memory/64),
		Accounts:  limit.NewPool[string](max(memory/4, largest), max(memory/16, largest)),
		Work:      limit.NewQueue[string](memory, memory/4),
	})
}
