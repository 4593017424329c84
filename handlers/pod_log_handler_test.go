package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// asked answers with the query that a request becomes.
func asked(t *testing.T, id, query string) (models.LogQuery, *httptest.ResponseRecorder) {
	t.Helper()
	var got models.LogQuery
	h := NewPodLog(func(_ context.Context, _, _ string, q models.LogQuery) (Subscription, models.LogMetadata, error) {
		got = q
		return nil, models.LogMetadata{}, &models.Error{Kind: models.Conflict, Msg: "enough"}
	}, nil, slog.New(slog.DiscardHandler))
	e := gin.New()
	e.GET("/resources/:id/logs/stream", Handle(slog.New(slog.DiscardHandler), h.Stream))
	w := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/resources/"+id+"/logs/stream?"+query, nil)
	req.Header.Set("Last-Event-ID", "e-1")
	e.ServeHTTP(w, req)
	return got, w
}

func TestLogQueries(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		query string
		want  models.LogQuery
	}{
		"nothing":        {"", models.LogQuery{Follow: true, Tail: 100}},
		"as pages ask":   {"follow=true&tail=500", models.LogQuery{Follow: true, Tail: 500}},
		"few lines":      {"tail=1", models.LogQuery{Follow: true, Tail: 50}},
		"many lines":     {"tail=1000000", models.LogQuery{Follow: true, Tail: 5000}},
		"all containers": {"container=*", models.LogQuery{Follow: true, Tail: 100, AllContainers: true}},
		"everything": {
			"follow=false&tail=&sinceSeconds=60&container=app&allContainers=1&previous=true&filter=%5Ba%2Bb%5D*",
			models.LogQuery{Tail: 100, SinceSeconds: 60, Container: "app", AllContainers: true, Previous: true, Filter: "[a+b]*"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, w := asked(t, streamed, tc.query)
			tc.want.LastEventID = "e-1"
			require.Equal(t, http.StatusConflict, w.Code, w.Body)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestLogQueriesThatAreWrong(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"tail=-1":                               "field tail: must be a whole number from 0",
		"tail=abc":                              "field tail: must be a whole number from 0",
		"tail=99999999999999999999":             "field tail: must be a whole number from 0",
		"sinceSeconds=3155760000":               "field sinceSeconds: must be a whole number from 1 to 2592000",
		"sinceSeconds=0":                        "field sinceSeconds: must be a whole number from 1 to 2592000",
		"follow=perhaps":                        "field follow: must be true or false",
		"filter=" + strings.Repeat("x", 257):    "field filter: must be text of at most 256 bytes",
		"filter=%ff":                            "field filter: must be text",
		"container=" + strings.Repeat("x", 254): "field container: must have at most 253 bytes",
		"tail=x&previous=y":                     "field tail: must be a whole number from 0 to 2147483647; field previous: must be true or false",
	} {
		_, w := asked(t, streamed, query)
		require.Equal(t, http.StatusBadRequest, w.Code, query)
		require.Contains(t, w.Body.String(), want, query)
	}
	_, w := asked(t, "x", "")
	require.Equal(t, http.StatusNotFound, w.Code)
}
