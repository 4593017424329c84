package audit

import (
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
	// auditDeadline bounds what a slow database can add to a request.
	auditDeadline = 3 * time.Second
	// maxAuditValue bounds each value that came with a request, in bytes.
	maxAuditValue = 256
	// auditFold is the time whose repetitions are one entry.
	auditFold = time.Minute
)

// store keeps the entries.
type store interface {
	Add(ctx context.Context, e models.AuditEntry) error
	Increment(ctx context.Context, e models.AuditEntry) error
	List(ctx context.Context, f models.AuditFilter) (models.AuditPage, error)
}

// people knows the addresses of accounts.
type people interface {
	ByID(ctx context.Context, id string) (models.User, error)
}

// Audit keeps the audit trail. It is safe for concurrent use.
type Trail struct {
	store  store
	people people
	log    *slog.Logger
	now    func() time.Time

	strangers strangers
}

// NewTrail returns a trail in store. now is the clock.
func NewTrail(store store, people people, log *slog.Logger, now func() time.Time) *Trail {
	return &Trail{store: store, people: people, log: log, now: now, strangers: newStrangers(now)}
}

// Record stores e and fills in what ctx knows: who, from where, in which
// request. It returns when the entry is stored, whatever becomes of ctx; an
// entry that cannot be stored is logged. Where people who are not known are
// refused very often, one entry counts them. Work that no request waits for
// may call it, too.
func (a *Trail) Record(ctx context.Context, e models.AuditEntry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditDeadline)
	defer cancel()
	e = a.complete(ctx, e)
	add := a.store.Add
	switch {
	case folds(e):
		e.ID, add = foldID(e), a.store.Increment
	case a.strangers.crowd(e, models.ClientFrom(ctx)):
		e, add = ofCrowd(e), a.store.Increment
	}
	if err := add(ctx, e); err != nil {
		a.log.ErrorContext(ctx, "an audit entry could not be stored", "action", e.Action, "actor_id", e.ActorID,
			"outcome", e.Outcome, "err", err)
	}
}

// List returns the page of the trail that q asks for.
func (a *Trail) List(ctx context.Context, q models.AuditQuery) (models.AuditPage, error) {
	f, problems := q.Filter()
	if err := problems.Err("audit.Trail.List"); err != nil {
		return models.AuditPage{}, err
	}
	return a.store.List(ctx, f)
}

// complete fills in what ctx knows and bounds what came from outside.
func (a *Trail) complete(ctx context.Context, e models.AuditEntry) models.AuditEntry {
	e.ID, e.At = models.NewID(), models.StoredTime(a.now())
	if id, ok := models.IdentityFrom(ctx); ok && (e.ActorID == "" || e.ActorID == id.UserID) {
		e.ActorID, e.Actor, e.SessionID, e.TokenID = id.UserID, id.Email, id.SessionID, id.TokenID
	}
	if e.ActorID != "" && e.Actor == "" {
		u, err := a.people.ByID(ctx, e.ActorID)
		if err != nil && models.KindOf(err) != models.NotFound {
			a.log.WarnContext(ctx, "an audit entry lacks an address", "actor_id", e.ActorID, "err", err)
		}
		e.Actor = u.Email
	}
	client := models.ClientFrom(ctx)
	e.Address, e.UserAgent, e.RequestID = client.Address, auditText(client.UserAgent), logging.RequestID(ctx)
	e.Actor, e.Target, e.Details = auditText(e.Actor), auditTexts(e.Target), auditTexts(e.Details)
	return e
}

// folds reports whether e is of an action that clients repeat by themselves:
// the canvas saves every few seconds. What was refused is never folded.
func folds(e models.AuditEntry) bool {
	return e.Action == "workflow.save" && e.Outcome == models.AuditSuccess
}

// foldID is the same for repetitions within the same auditFold.
func foldID(e models.AuditEntry) string {
	parts := []string{
		e.At.Truncate(auditFold).Format(time.RFC3339), e.Action, e.ActorID, e.SessionID, e.TokenID, e.Address, e.UserAgent,
	}
	parts = append(parts, slices.Sorted(maps.Values(e.Target))...)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:12])
}

func auditTexts(m map[string]string) map[string]string {
	for key, value := range m {
		m[key] = auditText(value)
	}
	return m
}

// auditText makes text from outside fit for one line of a list.
func auditText(s string) string {
	if len(s) > maxAuditValue {
		s = s[:maxAuditValue] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
