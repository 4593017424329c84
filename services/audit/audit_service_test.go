package audit

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/servicetest"
	"github.com/kubeorch/core/utils/logging"
)

func auditRig(t *testing.T) (*Trail, *servicetest.Clock) {
	t.Helper()
	db := dbtest.Open(t).Database()
	users, clock := repositories.NewUsers(db), servicetest.NewClock()
	require.NoError(t, users.Insert(t.Context(), models.User{ID: ann, Email: "ann@example.org"}))
	return NewTrail(repositories.NewAudit(db), users, slog.New(slog.DiscardHandler), clock.Now), clock
}

func (a *Trail) entries(t *testing.T) []models.AuditEntry {
	t.Helper()
	page, err := a.List(t.Context(), models.AuditQuery{Page: 1, Limit: 100})
	require.NoError(t, err)
	return page.Entries
}

// auditedRequest is a context as a request of Ann's has it.
func auditedRequest(ctx context.Context) context.Context {
	ctx = models.WithIdentity(ctx, models.Identity{UserID: ann, Email: "ann@example.org", SessionID: "s1"})
	ctx = models.WithClient(ctx, models.Client{Address: "10.0.0.7", UserAgent: "curl/8\x1b[31m"})
	return logging.WithRequestID(ctx, "trace-1")
}

func TestAuditFillsInWhatTheContextKnows(t *testing.T) {
	t.Parallel()
	a, clock := auditRig(t)
	ctx, leave := context.WithCancel(auditedRequest(t.Context()))
	leave() // the client is gone; the entry is not
	a.Record(ctx, models.AuditEntry{
		Action: "cluster.create", Outcome: models.AuditSuccess, Status: 201,
		Target: map[string]string{"name": "a\nb" + strings.Repeat("x", 1000) + "é"},
	})
	list := a.entries(t)
	require.Len(t, list, 1)
	require.Equal(t, "a?b"+strings.Repeat("x", maxValue-3)+"…", list[0].Target["name"])
	list[0].ID, list[0].Target = "", nil
	require.Equal(t, models.AuditEntry{
		At: clock.Now(), ActorID: ann, Actor: "ann@example.org", SessionID: "s1", Action: "cluster.create",
		Outcome: models.AuditSuccess, Status: 201, Address: "10.0.0.7", UserAgent: "curl/8?[31m", RequestID: "trace-1",
	}, list[0])
}

func TestAuditWithoutARequest(t *testing.T) {
	t.Parallel()
	a, _ := auditRig(t)
	a.Record(t.Context(), models.AuditEntry{ActorID: ann, Action: "run.end", Outcome: models.AuditFailed})
	a.Record(t.Context(), models.AuditEntry{ActorID: bob, Action: "run.end", Outcome: models.AuditSuccess})
	actors := map[string]string{}
	for _, e := range a.entries(t) {
		actors[e.ActorID] = e.Actor
	}
	require.Equal(t, map[string]string{ann: "ann@example.org", bob: ""}, actors, "Bob's account is gone")
}

// What a request causes for somebody else is not laid at the caller's door.
func TestAuditKeepsAnotherActor(t *testing.T) {
	t.Parallel()
	a, _ := auditRig(t)
	a.Record(auditedRequest(t.Context()), models.AuditEntry{ActorID: bob, Action: "run.end", Outcome: models.AuditSuccess})
	e := a.entries(t)[0]
	require.Equal(t, bob, e.ActorID)
	require.Empty(t, e.SessionID)
}

func TestAuditCountsSavesOfTheSameMinute(t *testing.T) {
	t.Parallel()
	a, clock := auditRig(t)
	clock.Move(clock.Now().Truncate(aggregateWindow).Sub(clock.Now()))
	save := models.AuditEntry{Action: "workflow.save", Outcome: models.AuditSuccess, Status: 200, Target: map[string]string{"id": "w1"}}
	ctx := auditedRequest(t.Context())
	for range 5 {
		a.Record(ctx, save)
		clock.Move(10 * time.Second)
	}
	other := save
	other.Target = map[string]string{"id": "w2"}
	a.Record(ctx, other)
	refused := save
	refused.Outcome, refused.Status = models.AuditDenied, 404
	a.Record(ctx, refused)
	a.Record(ctx, refused)
	clock.Move(10 * time.Second)
	a.Record(ctx, save)

	counts := map[string][]int{}
	for _, e := range a.entries(t) {
		key := e.Outcome + " " + e.Target["id"]
		counts[key] = append(counts[key], e.Count)
	}
	require.Equal(t, map[string][]int{"success w1": {1, 5}, "success w2": {1}, "denied w1": {0, 0}}, counts)
}

// brokenTrail stores nothing.
type brokenTrail struct{ store }

func (brokenTrail) Add(context.Context, models.AuditEntry) error {
	return errors.New("the disk is full")
}

func TestAuditThatCannotBeStoredIsLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := NewTrail(brokenTrail{}, nil, slog.New(slog.NewTextHandler(&out, nil)), time.Now)
	a.Record(auditedRequest(t.Context()), models.AuditEntry{Action: "cluster.create", Outcome: models.AuditSuccess})
	require.Contains(t, out.String(), "cluster.create")
	require.Contains(t, out.String(), "the disk is full")
}

func TestAuditQueriesThatAreWrong(t *testing.T) {
	t.Parallel()
	a, _ := auditRig(t)
	for name, tc := range map[string]struct {
		query models.AuditQuery
		field string
	}{
		"an action":         {models.AuditQuery{Action: "cluster"}, "action"},
		"an expression":     {models.AuditQuery{Action: ".*"}, "action"},
		"an outcome":        {models.AuditQuery{Outcome: "good"}, "outcome"},
		"an address":        {models.AuditQuery{Address: "10.0.0"}, "address"},
		"a time":            {models.AuditQuery{From: "yesterday"}, "from"},
		"a day":             {models.AuditQuery{To: "2026-01-31"}, "to"},
		"times reversed":    {models.AuditQuery{From: "2026-01-31T00:00:00Z", To: "2026-01-30T00:00:00Z"}, "to"},
		"a long actor":      {models.AuditQuery{Actor: strings.Repeat("a", 300)}, "actor"},
		"a long target":     {models.AuditQuery{Target: strings.Repeat("a", 300)}, "target"},
		"a page beyond all": {models.AuditQuery{Page: 1000, Limit: 200}, "page"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := a.List(t.Context(), tc.query)
			require.Equal(t, models.Invalid, models.KindOf(err))
			require.ErrorContains(t, err, "field "+tc.field+":")
		})
	}
}

func TestAuditQueriesThatAreRight(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		query models.AuditQuery
		want  models.AuditFilter
	}{
		"an id":      {models.AuditQuery{Actor: ann}, models.AuditFilter{ActorID: ann}},
		"an e-mail":  {models.AuditQuery{Actor: "Ann@Example.org"}, models.AuditFilter{Actor: "ann@example.org"}},
		"an area":    {models.AuditQuery{Action: "invite_code."}, models.AuditFilter{Area: "invite_code"}},
		"an action":  {models.AuditQuery{Action: "api_token.create"}, models.AuditFilter{Action: "api_token.create"}},
		"an address": {models.AuditQuery{Address: "::FFFF"}, models.AuditFilter{Address: "::ffff"}},
	} {
		got, problems := tc.query.Filter()
		require.Empty(t, problems, name)
		require.Equal(t, tc.want, got, name)
	}
}
