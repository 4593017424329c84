package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
)

// fakeRuns answers with what run returns and records its arguments.
type fakeRuns struct {
	run      func(typed models.TriggerData) (models.Run, error)
	asked    models.RunRequest
	rollback models.RollbackRequest
	limit    int
}

func (f *fakeRuns) Start(_ context.Context, _, _ string, r models.RunRequest) (models.Run, error) {
	f.asked = r
	return f.run(r.TriggerData)
}

func (f *fakeRuns) Rollback(_ context.Context, _, _ string, r models.RollbackRequest) (models.Run, error) {
	f.rollback = r
	return f.run(models.TriggerData{})
}

func (f *fakeRuns) List(_ context.Context, _, _ string, limit int) ([]models.Run, error) {
	f.limit = limit
	return []models.Run{}, nil
}

func (f *fakeRuns) Get(_ context.Context, _, _, runID string) (models.Run, error) {
	return models.Run{ID: runID}, nil
}

func (f *fakeRuns) Cancel(context.Context, string, string, string) error {
	return &models.Error{Kind: models.Conflict, Msg: "the run has ended already"}
}

func serveRuns(f *fakeRuns) http.Handler {
	return serveRunsLogging(f, slog.New(slog.DiscardHandler))
}

func serveRunsLogging(f *fakeRuns, log *slog.Logger) http.Handler {
	h, e := handlers.NewRun(f), gin.New()
	e.POST("/run", handlers.Handle(log, h.Start))
	e.POST("/rollback", handlers.Handle(log, h.Rollback))
	e.GET("/runs", handlers.Handle(log, h.List))
	e.GET("/runs/:runId", handlers.Handle(log, h.Get))
	e.POST("/runs/:runId/cancel", handlers.Handle(log, h.Cancel))
	return e
}

func ask(t *testing.T, h http.Handler, method, path, body string, headers ...string) (status int, answer map[string]any) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), w.Body.String())
	return w.Code, answer
}

func TestRunAnswers(t *testing.T) {
	t.Parallel()
	const body = `{"trigger_data":{"secrets":{"n1":{"password":"hunter22"}},"envVars":{"n2":{}}}}`
	logs := []string{"[10:00:00] applied"}
	for name, tc := range map[string]struct {
		body   string
		run    models.Run
		status int
		want   map[string]any
	}{
		"completed": {body, models.Run{ID: "r", Status: models.RunCompleted, Logs: logs}, 200,
			map[string]any{"message": "workflow applied", "run_id": "r", "status": "completed", "logs": []any{logs[0]}}},
		"still running": {body, models.Run{ID: "r", Status: models.RunRunning, Logs: []string{}}, 200,
			map[string]any{"message": "workflow is being applied", "run_id": "r", "status": "running", "logs": []any{}}},
		"cancelled": {body, models.Run{ID: "r", Status: models.RunCancelled, Logs: []string{}}, 200,
			map[string]any{"message": "run cancelled", "run_id": "r", "status": "cancelled", "logs": []any{}}},
		"failed": {body, models.Run{ID: "r", Status: models.RunFailed, Error: "no quota", Logs: logs}, 500,
			map[string]any{"error": "no quota", "message": "no quota",
				"details": map[string]any{"run_id": "r", "status": "failed", "logs": []any{logs[0]}}}},
		"failed because of others' objects": {body, models.Run{ID: "r", Status: models.RunFailed, Error: "rename the node", Logs: logs, Conflict: true}, 409,
			map[string]any{"error": "rename the node", "message": "rename the node",
				"details": map[string]any{"run_id": "r", "status": "failed", "logs": []any{logs[0]}}}},
		"without a body": {"", models.Run{ID: "r", Status: models.RunCompleted, Logs: logs}, 200,
			map[string]any{"message": "workflow applied", "run_id": "r", "status": "completed", "logs": []any{logs[0]}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fakeRuns{run: func(typed models.TriggerData) (models.Run, error) {
				if tc.body != "" {
					require.Equal(t, "hunter22", typed.Secrets["n1"]["password"].Reveal())
				}
				return tc.run, nil
			}}
			status, got := ask(t, serveRuns(f), "POST", "/run", tc.body)
			require.Equal(t, tc.status, status)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestOnlyFaultsOfTheServerAreLogged(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		run    models.Run
		err    error
		status int
		logged bool
	}{
		"a run that failed":       {run: models.Run{ID: "r", Status: models.RunFailed, Error: "no quota"}, status: 500},
		"a fault of the server":   {err: errors.New("the disk is full"), status: 500, logged: true},
		"a run that is refused":   {err: &models.Error{Kind: models.Conflict, Msg: "a run is in progress"}, status: 409},
		"an error without a kind": {err: &models.Error{Msg: "internal"}, status: 500, logged: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines strings.Builder
			f := &fakeRuns{run: func(models.TriggerData) (models.Run, error) { return tc.run, tc.err }}
			h := serveRunsLogging(f, slog.New(slog.NewTextHandler(&lines, nil)))
			status, _ := ask(t, h, "POST", "/run", "")
			require.Equal(t, tc.status, status)
			require.Equal(t, tc.logged, strings.Contains(lines.String(), "request failed"), lines.String())
		})
	}
}

func TestTypedValuesAreNotEchoed(t *testing.T) {
	t.Parallel()
	f := &fakeRuns{}
	status, got := ask(t, serveRuns(f), "POST", "/run", `{"trigger_data":{"secrets":{"n1":{"password":{"hunter22":"hunter22"}}}}}`)
	require.Equal(t, http.StatusBadRequest, status)
	require.NotContains(t, got["error"], "hunter22")
}

// Every text of a run is searched for every typed value, so their number is bounded.
func TestTypedValuesAreBounded(t *testing.T) {
	t.Parallel()
	ran := 0
	f := &fakeRuns{run: func(models.TriggerData) (models.Run, error) {
		ran++
		return models.Run{Status: models.RunCompleted}, nil
	}}
	for n, want := range map[int]int{5000: http.StatusOK, 5001: http.StatusBadRequest} {
		values := map[string]string{}
		for i := range n {
			values[strconv.Itoa(i)] = "hunter22"
		}
		body, err := json.Marshal(gin.H{"trigger_data": gin.H{"envVars": gin.H{"n1": values}}})
		require.NoError(t, err)
		status, _ := ask(t, serveRuns(f), "POST", "/run", string(body))
		require.Equal(t, want, status)
	}
	require.Equal(t, 1, ran)
}

func TestRunsAreListedAndCancelled(t *testing.T) {
	t.Parallel()
	f := &fakeRuns{}
	h := serveRuns(f)
	for query, want := range map[string]int{"": 10, "?limit=100": 100, "?limit=101": 10, "?limit=0": 10, "?limit=x": 10} {
		status, got := ask(t, h, "GET", "/runs"+query, "")
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, []any{}, got["runs"])
		require.Equal(t, want, f.limit, query)
	}
	status, got := ask(t, h, "GET", "/runs/r7", "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "r7", got["id"])
	status, _ = ask(t, h, "POST", "/runs/r7/cancel", "")
	require.Equal(t, http.StatusConflict, status)
}

func TestHowRunsAreAskedFor(t *testing.T) {
	t.Parallel()
	const key = "Idempotency-Key"
	completed := func(models.TriggerData) (models.Run, error) {
		return models.Run{ID: "r", Status: models.RunCompleted, Logs: []string{}}, nil
	}
	for name, tc := range map[string]struct {
		path, body, key string
		faults          []string // fields
		run             models.RunOptions
		version         int
	}{
		"nothing":         {path: "/run", body: ""},
		"null":            {path: "/run", body: "null"},
		"what pages send": {path: "/run", body: `{"trigger_data":{"secrets":{},"envVars":{}}}`},
		"everything": {path: "/run", body: `{"failure_policy":"rollback","wait":true,"wait_timeout_seconds":60}`, key: "k-1",
			run: models.RunOptions{FailurePolicy: "rollback", Wait: true, WaitTimeoutSeconds: 60}},
		"all faults at once": {path: "/run", body: `{"failure_policy":"never","wait_timeout_seconds":-5}`, key: "a b",
			faults: []string{"failure_policy", "wait_timeout_seconds", key}},
		"a long key":                 {path: "/run", key: strings.Repeat("k", 256), faults: []string{key}},
		"the longest key":            {path: "/run", key: strings.Repeat("k", 255)},
		"a rollback":                 {path: "/rollback", body: `{"version":3,"failure_policy":"stop"}`, version: 3, run: models.RunOptions{FailurePolicy: "stop"}},
		"a rollback to nothing":      {path: "/rollback", body: `{}`, faults: []string{"version"}},
		"a rollback to a lower one":  {path: "/rollback", body: `{"version":-1,"wait_timeout_seconds":1}`, faults: []string{"version", "wait_timeout_seconds"}},
		"a rollback with a long key": {path: "/rollback", body: `{"version":1}`, version: 1, key: strings.Repeat("k", 256), faults: []string{key}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fakeRuns{run: completed}
			status, got := ask(t, serveRuns(f), "POST", tc.path, tc.body, key, tc.key)
			if tc.faults == nil {
				require.Equal(t, http.StatusOK, status, got)
				asked, gotKey := f.asked.RunOptions, f.asked.Key
				if tc.path == "/rollback" {
					asked, gotKey = f.rollback.RunOptions, f.rollback.Key
				}
				require.Equal(t, tc.run, asked)
				require.EqualValues(t, tc.key, gotKey)
				require.Equal(t, tc.version, f.rollback.Version)
				return
			}
			require.Equal(t, http.StatusBadRequest, status, got)
			var fields []string
			for _, p := range got["problems"].([]any) {
				fields = append(fields, p.(map[string]any)["field"].(string))
			}
			require.Equal(t, tc.faults, fields)
			for _, field := range fields {
				require.Contains(t, got["error"], field)
			}
		})
	}
	for _, body := range []string{`{"wait":"yes"}`, `{"failure_policy":3}`, `{"wait_timeout_seconds":1.5}`} {
		status, got := ask(t, serveRuns(&fakeRuns{run: completed}), "POST", "/run", body)
		require.Equal(t, http.StatusBadRequest, status, got)
		field, _, _ := strings.Cut(strings.TrimPrefix(body, `{"`), `"`)
		require.Contains(t, got["error"], field)
	}
}

func TestAnotherRequestWithTheSameKeyIsRefused(t *testing.T) {
	t.Parallel()
	f := &fakeRuns{run: func(models.TriggerData) (models.Run, error) {
		return models.Run{}, &models.Error{Kind: models.Mismatch, Msg: "another request", Extra: gin.H{"run_id": "r"}}
	}}
	status, got := ask(t, serveRuns(f), "POST", "/run", "")
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Equal(t, map[string]any{"run_id": "r"}, got["details"])
}
