package audit

import (
	"strconv"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
)

const (
	// refusalsPerMinute and refusalBurst bound the refused requests without an
	// account that get an entry each: 20 a minute are some 1.5 GB in 90 days.
	refusalsPerMinute = 20
	refusalBurst      = 1000
	// clientRefusalsPerMinute and clientRefusalBurst bound those of one client, so
	// that it does not use up the entries of all.
	clientRefusalsPerMinute = 4
	clientRefusalBurst      = 60
	// refusalClients is how many clients are counted at a time.
	refusalClients = 10_000
)

// refusalLimit decides which refused requests without an account get an entry
// each; anybody can send those without end. It is safe for concurrent use.
type refusalLimit struct {
	all    *limit.Buckets[struct{}]
	client *limit.Buckets[limit.Key]
}

func newRefusalLimit(now func() time.Time) refusalLimit {
	perMinute := func(n float64, burst int) limit.Rate { return limit.Rate{PerSecond: n / 60, Burst: burst} }
	return refusalLimit{
		all:    limit.NewBuckets[struct{}](perMinute(refusalsPerMinute, refusalBurst), 1, now),
		client: limit.NewBuckets[limit.Key](perMinute(clientRefusalsPerMinute, clientRefusalBurst), refusalClients, now),
	}
}

// exceeded reports whether e is one too many to have an entry of its own.
func (l refusalLimit) exceeded(e models.AuditEntry, client models.Client) bool {
	if e.ActorID != "" || e.Outcome == models.AuditSuccess || client.Address == "" {
		return false
	}
	if _, ok := l.client.Take(limit.KeyOf(client.Network())); !ok {
		return true
	}
	_, ok := l.all.Take(struct{}{})
	return !ok
}

// aggregateRefusal is the one entry that counts all refusals with the action and
// status of e within one aggregateWindow. The log has the address of each.
func aggregateRefusal(e models.AuditEntry) models.AuditEntry {
	return models.AuditEntry{
		ID: aggregateID(models.AuditEntry{At: e.At, Action: e.Action, SessionID: "refusals", TokenID: strconv.Itoa(e.Status)}),
		At: e.At, Action: e.Action, Outcome: e.Outcome, Status: e.Status,
	}
}
