package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/utils/logging"
)

const (
	// recordTimeout bounds the wait for a slow database.
	recordTimeout = 3 * time.Second
	// maxValue bounds each value that came with a request, in bytes.
	maxValue = 256
	// aggregateWindow is the time in which repeated entries are counted in one.
	aggregateWindow = time.Minute
)

// store stores the entries.
type store interface {
	Add(ctx context.Context, e models.AuditEntry) error
	Increment(ctx context.Context, e models.AuditEntry) error
	List(ctx context.Context, f models.AuditFilter) (models.AuditPage, error)
}

// users reads accounts.
type users interface {
	ByID(ctx context.Context, id string) (models.User, error)
}

// Trail is the audit trail. It is safe for concurrent use.
type Trail struct {
	store store
	users users
	log   *slog.Logger
	now   func() time.Time

	refusals refusalLimit
}

// NewTrail returns a trail in store. now is the clock.
func NewTrail(store store, users users, log *slog.Logger, now func() time.Time) *Trail {
	return &Trail{store: store, users: users, log: log, now: now, refusals: newRefusalLimit(now)}
}

// Record stores e with the actor, the client and the request of ctx. It returns
// when the entry is stored, also after ctx has ended; an entry that cannot be
// stored is logged. Frequent saves, and frequent refusals of clients without an
// account, are counted in one entry a minute. Background work may call it, too; an
// entry whose id is stored already is not stored again.
func (a *Trail) Record(ctx context.Context, e models.AuditEntry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	named := e.ID != ""
	e = a.complete(ctx, e)
	add := a.store.Add
	switch {
	case repeats(e):
		e.ID, add = aggregateID(e), a.store.Increment
	case a.refusals.exceeded(e, models.ClientFrom(ctx)):
		e, add = aggregateRefusal(e), a.store.Increment
	}
	if err := add(ctx, e); err != nil && (!named || models.KindOf(err) != models.Conflict) {
		a.log.ErrorContext(ctx, "an audit entry could not be stored", "action", e.Action, "actor_id", e.ActorID,
			"outcome", e.Outcome, "err", err)
	}
}

// List returns the page that q asks for.
func (a *Trail) List(ctx context.Context, q models.AuditQuery) (models.AuditPage, error) {
	f, problems := q.Filter()
	if err := problems.Err("audit.Trail.List"); err != nil {
		return models.AuditPage{}, err
	}
	return a.store.List(ctx, f)
}

// complete adds the actor, the client and the request of ctx, and bounds what came
// from outside.
func (a *Trail) complete(ctx context.Context, e models.AuditEntry) models.AuditEntry {
	e.ID, e.At = cmp.Or(e.ID, models.NewID()), models.StoredTime(a.now())
	if id, ok := models.IdentityFrom(ctx); ok && (e.ActorID == "" || e.ActorID == id.UserID) {
		e.ActorID, e.Actor, e.SessionID, e.TokenID = id.UserID, id.Email, id.SessionID, id.TokenID
	}
	if e.ActorID != "" && e.Actor == "" {
		u, err := a.users.ByID(ctx, e.ActorID)
		if err != nil && models.KindOf(err) != models.NotFound {
			a.log.WarnContext(ctx, "an audit entry lacks an address", "actor_id", e.ActorID, "err", err)
		}
		e.Actor = u.Email
	}
	client := models.ClientFrom(ctx)
	e.Address, e.UserAgent, e.RequestID = client.Address, printable(client.UserAgent), logging.RequestID(ctx)
	e.Actor, e.Target, e.Details = printable(e.Actor), printables(e.Target), printables(e.Details)
	return e
}

// repeats reports whether e is a successful action that clients repeat by
// themselves: the canvas saves every few seconds.
func repeats(e models.AuditEntry) bool {
	return e.Action == "workflow.save" && e.Outcome == models.AuditSuccess
}

// aggregateID is the same for repetitions within one aggregateWindow.
func aggregateID(e models.AuditEntry) string {
	parts := []string{
		e.At.Truncate(aggregateWindow).Format(time.RFC3339), e.Action, e.ActorID, e.SessionID, e.TokenID, e.Address, e.UserAgent,
	}
	parts = append(parts, slices.Sorted(maps.Values(e.Target))...)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:12])
}

func printables(m map[string]string) map[string]string {
	for key, value := range m {
		m[key] = printable(value)
	}
	return m
}

// printable makes text from outside fit for one line of a list.
func printable(s string) string {
	if len(s) > maxValue {
		s = s[:maxValue] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
