package handlers_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func largeGraph(nodes, text int) []models.Node {
	list := make([]models.Node, nodes)
	for i := range list {
		list[i] = models.Node{ID: fmt.Sprintf("node-%d", i), Type: "deployment", Data: models.Data{
			"name": fmt.Sprintf("web-%d", i), "image": "nginx:1.27", "replicas": int64(2), "port": int64(8080), "text": strings.Repeat("x", text),
		}}
	}
	return list
}

func (a *api) fill(count, nodes, text int) (path string) {
	a.t.Helper()
	for i := range count {
		at := time.Now().UTC().Truncate(time.Millisecond)
		w := models.Workflow{
			ID: models.NewID(), OwnerID: "ann", Name: fmt.Sprint(i), ClusterID: "dev", Status: models.WorkflowDraft, Revision: 1, Seq: 1,
			Nodes: largeGraph(nodes, text), Tags: []string{}, CreatedAt: at, UpdatedAt: at,
		}
		require.NoError(a.t, a.store.Insert(a.t.Context(), w))
		path = "/workflows/" + w.ID
	}
	return path
}

func get(b *testing.B, url string) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	require.NoError(b, err)
	req.Header.Set("Authorization", "Bearer ann")
	res, err := http.DefaultClient.Do(req)
	require.NoError(b, err)
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(b, err)
	require.NoError(b, res.Body.Close())
	require.Equal(b, http.StatusOK, res.StatusCode)
}

// BenchmarkGetWorkflow compares reading a workflow of 50 nodes with writing
// the same bytes from memory.
func BenchmarkGetWorkflow(b *testing.B) {
	a := newAPI(b)
	path := a.fill(1, 50, 100)
	body := []byte(a.call("GET", path, "").text)
	e := gin.New()
	e.GET("/", func(c *gin.Context) { c.Data(http.StatusOK, gin.MIMEJSON, body) })
	floor := httptest.NewServer(e)
	b.Cleanup(floor.Close)
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			get(b, floor.URL)
		}
	})
	b.Run("workflow", func(b *testing.B) {
		for b.Loop() {
			get(b, a.url+path)
		}
	})
}

// BenchmarkListWorkflows lists 1,000 workflows of small and of large graphs.
func BenchmarkListWorkflows(b *testing.B) {
	for _, size := range []struct{ nodes, text int }{{5, 10}, {50, 10}, {50, 1000}} {
		b.Run(fmt.Sprintf("%d nodes of %d bytes", size.nodes, size.text), func(b *testing.B) {
			a := newAPI(b)
			a.fill(1000, size.nodes, size.text)
			for b.Loop() {
				get(b, a.url+"/workflows")
			}
		})
	}
}
