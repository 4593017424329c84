package audit

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// tally counts what of the trail has an entry each, and what is counted in
// others.
func (a *Trail) tally(t *testing.T) (single, counted int) {
	t.Helper()
	for page := 1; ; page++ {
		p, err := a.List(t.Context(), models.AuditQuery{Page: page, Limit: 200})
		require.NoError(t, err)
		for _, e := range p.Entries {
			if e.Count == 0 {
				single++
				continue
			}
			counted += e.Count
			require.Empty(t, e.Actor+e.Address+e.UserAgent+e.RequestID)
			require.Empty(t, e.Target)
		}
		if len(p.Entries) < 200 {
			return single, counted
		}
	}
}

func failedLogin(ctx context.Context, a *Trail, address string) {
	ctx = models.WithClient(ctx, models.Client{Address: address, UserAgent: "curl"})
	a.Record(ctx, models.AuditEntry{
		Action: "auth.login", Outcome: models.AuditDenied, Status: 401, Actor: "ann@example.org",
		Target: map[string]string{"provider": address},
	})
}

func TestOneClientDoesNotFillTheTrail(t *testing.T) {
	t.Parallel()
	a, clock := auditRig(t)
	for i := range 200 {
		failedLogin(t.Context(), a, fmt.Sprintf("2001:db8::%x", i)) // one client has them all
	}
	single, counted := a.tally(t)
	require.Equal(t, []int{clientRefusalBurst, 200 - clientRefusalBurst}, []int{single, counted})

	failedLogin(t.Context(), a, "192.0.2.1")
	clock.Move(time.Minute)
	for range 10 {
		failedLogin(t.Context(), a, "2001:db8::1")
	}
	more, _ := a.tally(t)
	require.Equal(t, 1+clientRefusalsPerMinute, more-single, "others have theirs, and time brings new ones")
}

func TestManyClientsDoNotFillTheTrail(t *testing.T) {
	t.Parallel()
	a, _ := auditRig(t)
	for i := range refusalBurst + 100 {
		failedLogin(t.Context(), a, fmt.Sprintf("10.0.%d.%d", i/256, i%256))
	}
	single, counted := a.tally(t)
	require.Equal(t, []int{refusalBurst, 100}, []int{single, counted})

	for range 5 { // who is known, and who succeeds, always has an entry
		a.Record(auditedRequest(t.Context()), models.AuditEntry{Action: "user.role", Outcome: models.AuditDenied, Status: 403})
		a.Record(t.Context(), models.AuditEntry{Action: "auth.login", Outcome: models.AuditSuccess, Status: 200})
	}
	more, _ := a.tally(t)
	require.Equal(t, 10, more-single)
}
