package handlers

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

const streamedRun = "0123456789abcdef0123aaaa"

// annsRun is what streams read of one run of Ann's.
type annsRun struct{ status atomic.Pointer[string] }

func newAnnsRun(status string) *annsRun {
	r := &annsRun{}
	r.status.Store(&status)
	return r
}

func (r *annsRun) Get(_ context.Context, owner, id, runID string) (models.Run, error) {
	if owner != "ann" || id != streamed || runID != streamedRun {
		return models.Run{}, &models.Error{Kind: models.NotFound, Msg: "run not found"}
	}
	run := models.Run{ID: runID, WorkflowID: id, Status: *r.status.Load(), Logs: []string{"[10:00:00] began"}}
	if run.Status == models.RunFailed {
		run.Error = "no quota"
	}
	return run, nil
}

// runStream opens the stream of a run as a user.
func runStream(t *testing.T, runs streamedRuns, sub *fakeSubscription, user, runID string) *http.Response {
	t.Helper()
	h := NewRunStream(runs, AsSubscribe(func(key, last string) (*fakeSubscription, error) {
		if key != models.RunStream(runID) {
			t.Errorf("subscribed to %q", key)
		}
		sub.behind.Store(&last)
		return sub, nil
	}), slog.New(slog.DiscardHandler))
	e := gin.New()
	e.GET("/workflows/:id/runs/:runId/stream", func(c *gin.Context) {
		c.Request = c.Request.WithContext(models.WithIdentity(c.Request.Context(), models.Identity{UserID: user}))
	}, Handle(slog.New(slog.DiscardHandler), h.Stream))
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/workflows/"+streamed+"/runs/"+runID+"/stream", nil)
	require.NoError(t, err)
	req.Header.Set("Last-Event-ID", "e-0")
	res, err := srv.Client().Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func requireStreamEnd(t *testing.T, in *bufio.Reader, sub *fakeSubscription) {
	t.Helper()
	_, err := in.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.Eventually(t, sub.gaveUp.Load, 5*time.Second, time.Millisecond)
}

func TestRunStream(t *testing.T) {
	t.Parallel()
	runs, sub := newAnnsRun(models.RunRunning), newFakeSubscription()
	in := bufio.NewReader(runStream(t, runs, sub, "ann", streamedRun).Body)
	require.Regexp(t, `^id: e-1\nevent: metadata\ndata: .*"status":"running".*"logs":\["\[10:00:00\] began"\]`, block(t, in))
	require.Equal(t, "e-0", *sub.behind.Load())
	sub.publish("id: e-2\nevent: log\ndata: 1\n\n")
	require.Equal(t, "id: e-2\nevent: log\ndata: 1\n", block(t, in))
	sub.publish()
	require.Contains(t, block(t, in), "event: metadata\n", "a reader that missed something gets the whole run again")
	sub.publish("id: e-3\nevent: node_state\ndata: {\"a\":\"event: complete\"}\n\n",
		"id: e-4\nevent: complete\ndata: {}\n\n", "id: e-5\nevent: log\ndata: 2\n\n")
	require.Contains(t, block(t, in), "id: e-3\n")
	require.Equal(t, "id: e-4\nevent: complete\ndata: {}\n", block(t, in))
	requireStreamEnd(t, in, sub)
}

func TestStreamOfARunThatHasEnded(t *testing.T) {
	t.Parallel()
	sub := newFakeSubscription()
	sub.publish("id: e-4\nevent: complete\ndata: {}\n\n") // which the reader may have missed
	in := bufio.NewReader(runStream(t, newAnnsRun(models.RunFailed), sub, "ann", streamedRun).Body)
	require.Contains(t, block(t, in), "event: metadata\n")
	last := block(t, in)
	require.Contains(t, last, "event: complete\n")
	require.Contains(t, last, `"data":{"status":"failed","error":"no quota"}`)
	requireStreamEnd(t, in, sub)
}

// The last event was lost with others: the run as it is tells the end, too.
func TestRunStreamEndsWithASnapshot(t *testing.T) {
	t.Parallel()
	runs, sub := newAnnsRun(models.RunRunning), newFakeSubscription()
	in := bufio.NewReader(runStream(t, runs, sub, "ann", streamedRun).Body)
	require.Contains(t, block(t, in), "event: metadata\n")
	completed := models.RunCompleted
	runs.status.Store(&completed)
	sub.publish()
	require.Contains(t, block(t, in), "event: metadata\n")
	require.Contains(t, block(t, in), "event: complete\n")
	requireStreamEnd(t, in, sub)
}

func TestRunStreamRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ user, runID string }{
		"somebody else's run": {"bob", streamedRun},
		"unknown run":         {"ann", "ffffffffffffffffffffffff"},
		"malformed id":        {"ann", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := runStream(t, newAnnsRun(models.RunRunning), newFakeSubscription(), tc.user, tc.runID)
			require.Equal(t, http.StatusNotFound, res.StatusCode)
		})
	}
}
