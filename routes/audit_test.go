package routes

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// memoryTrail keeps entries in memory.
type memoryTrail struct {
	mu      sync.Mutex
	entries []models.AuditEntry
}

func (d *memoryTrail) Record(ctx context.Context, e models.AuditEntry) {
	if id, ok := models.IdentityFrom(ctx); ok {
		e.ActorID = id.UserID
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, e)
}

func (d *memoryTrail) all() []models.AuditEntry {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.entries
}

// take returns the entries since the last call as text. An entry is stored
// before its answer's headers are sent, so a client that has them finds it.
func (d *memoryTrail) take() (lines []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.entries {
		lines = append(lines, strings.Join([]string{e.Action, e.Outcome, strconv.Itoa(e.Status), e.ActorID}, " "))
	}
	d.entries = nil
	return lines
}

// audited serves one POST route and returns what is recorded of a user's
// request to it.
func audited(t *testing.T, handle func(*gin.Context) error) models.AuditEntry {
	t.Helper()
	d, trail := deps(), &memoryTrail{}
	d.Audit = trail
	srv := serveDeps(t, d, []Route{{
		Method: post, Path: "/x/:id/y/:runId", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "x.y", Handle: handle,
	}})
	send(t, post, srv.URL+"/x/w1/y/r%0A1", nil, "Authorization", "Bearer u1")
	require.Len(t, trail.all(), 1)
	return trail.all()[0]
}

func TestAuditOutcomes(t *testing.T) {
	t.Parallel()
	fails := func(kind models.Kind) func(*gin.Context) error {
		return func(*gin.Context) error { return &models.Error{Kind: kind, Msg: "no"} }
	}
	for name, tc := range map[string]struct {
		handle  func(*gin.Context) error
		status  int
		outcome string
	}{
		"created":     {func(c *gin.Context) error { c.Status(http.StatusCreated); return nil }, 201, models.AuditSuccess},
		"invalid":     {fails(models.Invalid), 400, models.AuditFailed},
		"forbidden":   {fails(models.Forbidden), 403, models.AuditDenied},
		"not there":   {fails(models.NotFound), 404, models.AuditDenied},
		"a conflict":  {fails(models.Conflict), 409, models.AuditFailed},
		"too often":   {fails(models.TooMany), 429, models.AuditDenied},
		"a fault":     {fails(models.Internal), 500, models.AuditFailed},
		"a panic":     {func(*gin.Context) error { panic("boom") }, 500, models.AuditFailed},
		"not a touch": {func(*gin.Context) error { return nil }, 200, models.AuditSuccess},
		"a redirect that tells of a failure": {func(c *gin.Context) error {
			models.NoteOutcomeForAudit(c.Request.Context(), models.AuditDenied)
			c.Status(http.StatusTemporaryRedirect)
			return nil
		}, 307, models.AuditDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := audited(t, tc.handle)
			require.Equal(t, tc.status, e.Status)
			require.Equal(t, tc.outcome, e.Outcome)
			require.Equal(t, "u1", e.ActorID)
			require.Equal(t, map[string]string{"id": "w1", "runId": "r\n1"}, e.Target, "bounding it is the trail's business")
		})
	}
}

func TestAuditHasTheNotesOfServices(t *testing.T) {
	t.Parallel()
	e := audited(t, func(c *gin.Context) error {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { models.NoteForAudit(c.Request.Context(), "cluster", "dev") })
		}
		all.Wait()
		models.NoteActorForAudit(c.Request.Context(), "", "ann@example.org")
		return nil
	})
	require.Equal(t, map[string]string{"cluster": "dev"}, e.Details)
	require.Equal(t, "ann@example.org", e.Actor)
}

// A terminal that stays open for hours is recorded once, when it opens; a
// refused one is recorded as refused.
func TestAuditOfWhatStaysOpen(t *testing.T) {
	t.Parallel()
	d, trail := deps(), &memoryTrail{}
	d.Audit = trail
	open, leave := make(chan struct{}), make(chan struct{})
	srv := serveDeps(t, d, []Route{{
		Method: get, Path: "/terminal/:id", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "terminal.open", Stream: true,
		Handle: func(c *gin.Context) error {
			if c.Param("id") == "other" {
				return &models.Error{Op: "routes", Kind: models.NotFound, Msg: "there is none"}
			}
			models.AuditNow(c.Request.Context())
			models.AuditNow(c.Request.Context())
			close(open)
			<-leave
			return nil
		},
	}})
	req, err := http.NewRequestWithContext(t.Context(), get, srv.URL+"/terminal/mine", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer u1")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
		}
	}()
	select {
	case <-open:
	case <-time.After(10 * time.Second):
		require.Fail(t, "it did not open")
	}
	require.Equal(t, []string{"terminal.open success 0 u1"}, trail.take())
	close(leave)
	<-ended
	require.Empty(t, trail.take())
	send(t, get, srv.URL+"/terminal/other", nil, "Authorization", "Bearer u1")
	require.Equal(t, []string{"terminal.open denied 404 u1"}, trail.take())
}
