package handlers

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// fakeClusters answers what its fields say; an unexpected call panics.
type fakeClusters struct {
	clusters

	add    func(models.ClusterInput) (models.Cluster, error)
	test   func(name string) (models.ClusterTest, error)
	update func(models.ClusterPatch) (models.Cluster, error)
}

func (f fakeClusters) Add(_ context.Context, _ string, in models.ClusterInput) (models.Cluster, error) {
	return f.add(in)
}

func (f fakeClusters) Test(_ context.Context, _, name string) (models.ClusterTest, error) {
	return f.test(name)
}

func (f fakeClusters) Update(_ context.Context, _, _ string, p models.ClusterPatch) (models.Cluster, error) {
	return f.update(p)
}

// ask sends one request to f and returns the status and the decoded answer.
func ask(t *testing.T, f Func, body string) (int, map[string]any) {
	t.Helper()
	e := gin.New()
	e.POST("/clusters/:name", Handle(slog.New(slog.DiscardHandler), f))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/clusters/dev", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	var got map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got), w.Body.String())
	return w.Code, got
}

func TestClusterTestAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		outcome models.ClusterTest
		code    int
		want    map[string]any
	}{
		"passed": {models.ClusterTest{Cluster: "dev", Status: models.ClusterConnected}, http.StatusOK,
			map[string]any{"message": "the cluster answers", "cluster": "dev", "status": "connected"}},
		"failed": {models.ClusterTest{Cluster: "dev", Status: models.ClusterError, Message: "no"}, http.StatusServiceUnavailable,
			map[string]any{"error": "no", "message": "no", "cluster": "dev", "status": "failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := NewCluster(fakeClusters{test: func(string) (models.ClusterTest, error) { return tc.outcome, nil }})
			code, got := ask(t, h.Test, "")
			require.Equal(t, tc.code, code)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestClusterCreateTellsTheStatus(t *testing.T) {
	t.Parallel()
	var in models.ClusterInput
	h := NewCluster(fakeClusters{add: func(i models.ClusterInput) (models.Cluster, error) {
		in = i
		return models.Cluster{Name: i.Name, Status: models.ClusterError, LastError: "no", Sealed: []byte("sealed")}, nil
	}})
	code, got := ask(t, h.Create, `{"name":"dev","server":"https://h","authType":"token","credentials":{"token":"t0ken","insecure":true},"extra":1}`)
	require.Equal(t, http.StatusCreated, code)
	require.Equal(t, "error", got["status"])
	require.Equal(t, "t0ken", in.Credentials.Token)
	require.Contains(t, got["message"], "failed: no")
	cluster, _ := got["cluster"].(map[string]any)
	require.Equal(t, "dev", cluster["name"])
	for _, key := range []string{"namespace", "insecure", "metadata", "default", "singleNode"} {
		require.Contains(t, cluster, key)
	}
	require.NotContains(t, cluster, "credentials")
}

func TestClusterCredentialsAreRequired(t *testing.T) {
	t.Parallel()
	code, got := ask(t, NewCluster(fakeClusters{}).UpdateCredentials, `{}`)
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, got["error"], "credentials")
}

func TestClusterUpdateKeepsAbsentFieldsApart(t *testing.T) {
	t.Parallel()
	var p models.ClusterPatch
	h := NewCluster(fakeClusters{update: func(got models.ClusterPatch) (models.Cluster, error) {
		p = got
		return models.Cluster{}, nil
	}})
	code, _ := ask(t, h.Update, `{"displayName":"","credentials":{"namespace":"x"}}`)
	require.Equal(t, http.StatusOK, code)
	require.NotNil(t, p.DisplayName)
	require.Nil(t, p.Description)
	require.False(t, p.Credentials.Insecure)
}
