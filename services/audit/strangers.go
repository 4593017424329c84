package audit

import (
	"strconv"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
)

const (
	// strangersPerMinute and strangersAtOnce bound the refusals of people who
	// are not known that have an entry each: 20 a minute are some 1.5 GB in 90 days.
	strangersPerMinute = 20
	strangersAtOnce    = 1000
	// strangerPerMinute and strangerAtOnce are the same of each client, so that
	// one alone does not take the entries of all.
	strangerPerMinute = 4
	strangerAtOnce    = 60
	// strangerClients is how many clients are told apart.
	strangerClients = 10_000
)

// strangers decides which refusals of people who are not known have an entry
// each. Anybody can cause those without end. It is safe for concurrent use.
type strangers struct {
	all  *limit.Buckets[struct{}]
	each *limit.Buckets[limit.Key]
}

func newStrangers(now func() time.Time) strangers {
	perMinute := func(n float64, atOnce int) limit.Rate { return limit.Rate{PerSecond: n / 60, Burst: atOnce} }
	return strangers{
		all:  limit.NewBuckets[struct{}](perMinute(strangersPerMinute, strangersAtOnce), 1, now),
		each: limit.NewBuckets[limit.Key](perMinute(strangerPerMinute, strangerAtOnce), strangerClients, now),
	}
}

// crowd reports whether e is one too many to have an entry of its own.
func (s strangers) crowd(e models.AuditEntry, client models.Client) bool {
	if e.ActorID != "" || e.Outcome == models.AuditSuccess || client.Address == "" {
		return false
	}
	if _, ok := s.each.Take(limit.KeyOf(client.Network())); !ok {
		return true
	}
	_, ok := s.all.Take(struct{}{})
	return !ok
}

// ofCrowd is the one entry of all that was refused with the same action and
// status within the same auditFold. From where each came is in the log.
func ofCrowd(e models.AuditEntry) models.AuditEntry {
	return models.AuditEntry{
		ID: foldID(models.AuditEntry{At: e.At, Action: e.Action, SessionID: "strangers", TokenID: strconv.Itoa(e.Status)}),
		At: e.At, Action: e.Action, Outcome: e.Outcome, Status: e.Status,
	}
}
