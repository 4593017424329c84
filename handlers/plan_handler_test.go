package handlers_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
)

// fakePlans keeps what it was asked.
type fakePlans struct {
	typed   models.TriggerData
	options models.RunOptions
}

func (f *fakePlans) Plan(_ context.Context, _, id string, typed models.TriggerData, o models.RunOptions) (models.RunPlan, error) {
	f.typed, f.options = typed, o
	return models.RunPlan{WorkflowID: id, Nodes: []models.NodePlan{}}, nil
}

func (f *fakePlans) Manifests(_ context.Context, _, _, nodeID string) ([]byte, error) {
	return fmt.Appendf(nil, "node: %q\n", nodeID), nil
}

func TestPlanTakesTheBodyOfARun(t *testing.T) {
	t.Parallel()
	f := &fakePlans{}
	e := gin.New()
	h := handlers.NewPlan(f)
	e.POST("/:id/plan", handlers.Handle(slog.New(slog.DiscardHandler), h.Make))
	e.GET("/:id/manifests", handlers.Handle(slog.New(slog.DiscardHandler), h.Manifests))
	status, answer := ask(t, e, "POST", "/w1/plan", "")
	require.Equal(t, []any{http.StatusOK, "w1", []any{}}, []any{status, answer["workflow_id"], answer["nodes"]})
	status, _ = ask(t, e, "POST", "/w1/plan", `{"failure_policy":"continue","wait":true,"trigger_data":{"secrets":{"pw":{"key":"value"}}}}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "value", f.typed.Secrets["pw"]["key"].Reveal())
	require.Equal(t, models.RunOptions{FailurePolicy: "continue", Wait: true}, f.options)
	status, answer = ask(t, e, "POST", "/w1/plan", `{"failure_policy":"perhaps","wait_timeout_seconds":-1}`)
	require.Equal(t, http.StatusBadRequest, status)
	require.Len(t, answer["problems"], 2)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/w1/manifests?node=web", nil))
	require.Equal(t, "application/yaml", w.Header().Get("Content-Type"))
	require.Equal(t, "node: \"web\"\n", w.Body.String())
}
