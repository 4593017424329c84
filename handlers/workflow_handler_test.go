package handlers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/workflow"
)

// noRuns reports that nothing runs.
type noRuns struct{}

func (noRuns) Running(context.Context, string) (bool, error)                    { return false, nil }
func (noRuns) TearDown(context.Context, models.Workflow, bool) (warning string) { return "" }

// noClusters knows no cluster.
type noClusters struct{}

func (noClusters) Require(context.Context, string, string, models.ClusterAction) (models.ClusterGrant, error) {
	return models.ClusterGrant{}, &models.Error{Op: "test", Kind: models.NotFound, Msg: "cluster not found"}
}

// noStatuses keeps no statuses.
type noStatuses struct{}

func (noStatuses) Look(string) {}

// api serves workflows and versions from its own database. The bearer token is
// the user's id.
type api struct {
	t     testing.TB
	url   string
	store *repositories.Workflows
}

func newAPI(t testing.TB) *api {
	t.Helper()
	db := dbtest.Open(t).Database()
	store, versions := repositories.NewWorkflows(db), repositories.NewVersions(db)
	w := handlers.NewWorkflow(workflow.NewService(store, noRuns{}, noClusters{}, workflow.Eraser{}, models.AccountLimits{}), noStatuses{})
	v := handlers.NewWorkflowVersion(workflow.NewVersions(store, versions, workflow.NewHistory(versions, store, models.AccountLimits{})))
	e := gin.New()
	e.Use(func(c *gin.Context) {
		user := strings.TrimPrefix(c.GetHeader("Authorization"), "Bearer ")
		c.Request = c.Request.WithContext(models.WithIdentity(c.Request.Context(), models.Identity{UserID: user}))
	})
	for route, f := range map[string]handlers.Func{
		"POST /workflows": w.Create, "GET /workflows": w.List, "GET /workflows/:id": w.Get, "PUT /workflows/:id": w.Update,
		"POST /workflows/:id/save": w.Save, "PUT /workflows/:id/status": w.SetStatus, "DELETE /workflows/:id": w.Delete,
		"POST /workflows/:id/clone": w.Clone, "GET /workflows/:id/versions": v.List, "POST /workflows/:id/versions": v.Create,
		"GET /workflows/:id/versions/compare": v.Compare, "GET /workflows/:id/versions/:version": v.Get,
		"PUT /workflows/:id/versions/:version": v.Update, "POST /workflows/:id/versions/:version/restore": v.Restore,
	} {
		method, path, _ := strings.Cut(route, " ")
		e.Handle(method, path, handlers.Handle(slog.New(slog.DiscardHandler), f))
	}
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	return &api{t: t, url: srv.URL, store: store}
}

type answer struct {
	status int
	etag   string
	text   string
	body   map[string]any
}

// call sends a request as ann unless the headers say otherwise.
func (a *api) call(method, path, body string, header ...string) answer {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	require.NoError(a.t, err)
	req.Header.Set("Authorization", "Bearer ann")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(a.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(a.t, err)
	got := answer{status: res.StatusCode, etag: res.Header.Get("ETag"), text: string(text)}
	require.NoError(a.t, json.Unmarshal(text, &got.body), got.text)
	return got
}

func (a *api) create(name string) (path string) {
	a.t.Helper()
	got := a.call("POST", "/workflows", fmt.Sprintf(`{"name":%q,"cluster_id":"dev"}`, name))
	require.Equal(a.t, http.StatusCreated, got.status, got.text)
	return "/workflows/" + got.body["id"].(string)
}

const graph = `"nodes":[{"id":"n1","type":"deployment","position":{"x":1,"y":2},"width":100,"selected":true,
	"data":{"name":" web ","port":null,"big":9007199254740993,"odd.key$":{"a":[]},"_status":{"state":"forged"}}}],
	"edges":[{"id":"e1","source":"n1","target":"n1","sourceHandle":null,"targetHandle":null,"animated":true}]`

func TestWorkflowShapes(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	created := a.call("POST", "/workflows", `{"name":"shop","cluster_id":"dev","extra":1}`)
	require.Equal(t, http.StatusCreated, created.status)
	require.Equal(t, created.body["id"], created.body["workflow"].(map[string]any)["id"])
	path := "/workflows/" + created.body["id"].(string)

	bare := a.call("GET", path, "")
	require.Equal(t, http.StatusOK, bare.status)
	for _, key := range []string{"id", "name", "description", "cluster_id", "status", "tags", "nodes", "edges", "current_version",
		"owner_id", "team_id", "created_at", "updated_at", "run_count", "success_count", "failure_count"} {
		require.Contains(t, bare.body, key)
	}
	require.Equal(t, []any{}, bare.body["nodes"])
	require.Equal(t, []any{}, bare.body["edges"])
	require.Equal(t, "draft", bare.body["status"])
	require.EqualValues(t, 1, bare.body["current_version"])
	require.NotContains(t, bare.body, "deleted_at")

	saved := a.call("POST", path+"/save", "{"+graph+"}")
	require.Equal(t, http.StatusOK, saved.status, saved.text)
	w := saved.body["workflow"].(map[string]any)
	node := w["nodes"].([]any)[0].(map[string]any)
	require.Equal(t, map[string]any{"name": "web", "port": nil, "big": 9007199254740993.0, "odd.key$": map[string]any{"a": []any{}}}, node["data"])
	require.Contains(t, saved.text, "9007199254740993")
	require.Equal(t, map[string]any{"id": "e1", "source": "n1", "target": "n1"}, w["edges"].([]any)[0])
	require.Len(t, node, 4)

	list := a.call("GET", "/workflows", "").body["workflows"].([]any)
	require.Len(t, list[0].(map[string]any)["nodes"], 1)
	renamed := a.call("PUT", path, `{"name":"store"}`)
	require.Equal(t, "store", renamed.body["name"])
	require.Len(t, renamed.body["nodes"], 1, "the answer is complete")
	require.Equal(t, renamed.text, a.call("GET", path, "").text)
}

func TestWorkflowEditsAreChecked(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	path := a.create("shop")
	require.Equal(t, http.StatusOK, a.call("POST", path+"/save", "{"+graph+"}").status)
	before := a.call("GET", path, "").text
	for name, tc := range map[string]struct{ method, path, body, text string }{
		"save of nothing":         {"POST", path + "/save", `{}`, "nodes"},
		"save of null nodes":      {"POST", path + "/save", `{"nodes":null,"edges":[]}`, "nodes"},
		"save without edges":      {"POST", path + "/save", `{"nodes":[]}`, "edges"},
		"save of a used id":       {"POST", path + "/save", `{"nodes":[{"id":"a"},{"id":"a"}],"edges":[]}`, "node a field id"},
		"save without an id":      {"POST", path + "/save", `{"nodes":[null],"edges":[]}`, "nodes[0].id"},
		"save of a key with NUL":  {"POST", path + "/save", `{"nodes":[{"id":"a","data":{"x":{"\u0000":1}}}],"edges":[]}`, "NUL"},
		"save of too many":        {"POST", path + "/save", `{"nodes":[` + strings.Repeat(`{"id":"a"},`, 1000) + `{"id":"b"}],"edges":[]}`, "1000"},
		"data that is no object":  {"POST", path + "/save", `{"nodes":[{"id":"a","data":[]}],"edges":[]}`, "data"},
		"nothing to change":       {"PUT", path, `{}`, "nothing to change"},
		"an unknown status":       {"PUT", path, `{"status":"gone"}`, "draft, published or archived"},
		"an unknown status alone": {"PUT", path + "/status", `{"status":"gone"}`, "draft, published or archived"},
		"no status":               {"PUT", path + "/status", `{}`, "status"},
		"an empty name":           {"PUT", path, `{"name":"  "}`, "name"},
		"no name":                 {"POST", "/workflows", `{"cluster_id":"dev"}`, "name"},
		"no cluster":              {"POST", "/workflows", `{"name":"x"}`, "cluster_id"},
		"a clone without a name":  {"POST", path + "/clone", `{}`, "name"},
	} {
		got := a.call(tc.method, tc.path, tc.body)
		require.Equal(t, http.StatusBadRequest, got.status, "%s: %s", name, got.text)
		require.Contains(t, got.body["error"], tc.text, name)
		require.Equal(t, got.body["error"], got.body["message"], name)
	}
	require.Equal(t, before, a.call("GET", path, "").text)
}

func TestForeignWorkflowsDoNotExist(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	path := a.create("shop")
	require.Equal(t, http.StatusCreated, a.call("POST", path+"/versions", "").status)
	for _, call := range []string{
		"GET ", "PUT ", "DELETE ", "POST /save", "PUT /status", "POST /clone", "GET /versions", "POST /versions", "GET /versions/1",
		"PUT /versions/1", "POST /versions/1/restore", "GET /versions/compare?v1=1&v2=1",
	} {
		method, rest, _ := strings.Cut(call, " ")
		const body = `{"name":"x","nodes":[],"edges":[],"status":"draft"}`
		require.Equal(t, http.StatusNotFound, a.call(method, path+rest, body, "Authorization", "Bearer bob").status, call)
		require.Equal(t, http.StatusNotFound, a.call(method, "/workflows/not-an-id"+rest, body).status, call)
	}
	require.Empty(t, a.call("GET", "/workflows", "", "Authorization", "Bearer bob").body["workflows"])
}

func TestStaleEditIsRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	path := a.create("shop")
	first := a.call("POST", path+"/save", "{"+graph+"}")
	require.NotEmpty(t, first.etag)
	require.Equal(t, first.etag, a.call("GET", path, "").etag)
	require.NoError(t, a.store.SetNodeStatus(t.Context(), strings.TrimPrefix(path, "/workflows/"), "n1", map[string]any{"state": "healthy"}, nil))
	second := a.call("POST", path+"/save", strings.Replace("{"+graph+"}", " web ", "api", 1), "If-Match", first.etag)
	require.Equal(t, http.StatusOK, second.status, "a status is no edit")
	require.Contains(t, second.text, "healthy")
	require.NotContains(t, second.text, "forged")

	for _, tag := range []string{first.etag, "W/" + second.etag, `"x"`, "7"} {
		got := a.call("POST", path+"/save", "{"+graph+"}", "If-Match", tag)
		require.Equal(t, http.StatusConflict, got.status, tag)
		details := got.body["details"].(map[string]any)
		require.Equal(t, second.etag, details["etag"])
		require.Equal(t, []any{"n1"}, details["nodes"])
		require.Contains(t, got.body["error"], "n1")
		require.Equal(t, http.StatusConflict, a.call("PUT", path, `{"name":"x"}`, "If-Match", tag).status)
	}
	require.Equal(t, http.StatusOK, a.call("PUT", path, `{"name":"x"}`, "If-Match", "*").status)
	require.Equal(t, http.StatusOK, a.call("PUT", path+"/status", `{"status":"published"}`).status)
}

func TestCloneAndDelete(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	path := a.create("shop")
	require.Equal(t, http.StatusOK, a.call("POST", path+"/save", "{"+graph+"}").status)
	require.NoError(t, a.store.SetNodeStatus(t.Context(), strings.TrimPrefix(path, "/workflows/"), "n1", map[string]any{"state": "healthy"}, nil))
	clone := a.call("POST", path+"/clone", `{"name":"shop (Copy)"}`)
	require.Equal(t, http.StatusCreated, clone.status, clone.text)
	require.NotContains(t, clone.text, "healthy")
	copied := a.call("GET", "/workflows/"+clone.body["id"].(string), "")
	require.Equal(t, "draft", copied.body["status"])
	require.Equal(t, "dev", copied.body["cluster_id"])
	require.Equal(t, "(cloned from shop)", copied.body["description"])
	require.Len(t, copied.body["nodes"], 1)
	require.NotContains(t, copied.text, a.call("GET", path, "").body["nodes"].([]any)[0].(map[string]any)["data"].(map[string]any)["name"].(string)+`"`)

	require.Equal(t, http.StatusOK, a.call("DELETE", path, "").status)
	require.Equal(t, http.StatusNotFound, a.call("GET", path, "").status)
	require.Equal(t, http.StatusNotFound, a.call("DELETE", path, "").status)
	require.Len(t, a.call("GET", "/workflows", "").body["workflows"], 1)
}

func TestVersionsOverHTTP(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	path := a.create("shop")
	require.Equal(t, []any{}, a.call("GET", path+"/versions", "").body["versions"])
	require.Equal(t, http.StatusOK, a.call("POST", path+"/save", "{"+graph+"}").status)
	one := a.call("POST", path+"/versions", `{"name":"first","tag":"v1"}`)
	require.Equal(t, http.StatusCreated, one.status, one.text)
	require.Equal(t, http.StatusOK, a.call("POST", path+"/save", `{"nodes":[{"id":"n2","type":"job"}],"edges":[]}`).status)
	require.Equal(t, http.StatusCreated, a.call("POST", path+"/versions", "").status)
	require.EqualValues(t, 2, a.call("GET", path, "").body["current_version"])

	diff := a.call("GET", path+"/versions/compare?v1=1&v2=2", "").body
	require.Equal(t, "n2", diff["added_nodes"].([]any)[0].(map[string]any)["node_id"])
	require.Equal(t, "n1", diff["removed_nodes"].([]any)[0].(map[string]any)["node_id"])
	require.Equal(t, []any{}, diff["modified_nodes"])

	restored := a.call("POST", path+"/versions/1/restore", "")
	require.Equal(t, http.StatusOK, restored.status, restored.text)
	require.Equal(t, "n1", restored.body["workflow"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["id"])
	require.EqualValues(t, 3, restored.body["version"].(map[string]any)["version"])
	require.EqualValues(t, 1, restored.body["version"].(map[string]any)["restored_from"])

	page := a.call("GET", path+"/versions?page=2&limit=2", "").body
	require.EqualValues(t, 3, page["total"])
	require.Len(t, page["versions"], 1)
	require.Equal(t, "second", a.call("PUT", path+"/versions/1", `{"name":"second"}`).body["version"].(map[string]any)["name"])
	require.Equal(t, http.StatusNotFound, a.call("GET", path+"/versions/9", "").status)
	require.Equal(t, http.StatusBadRequest, a.call("GET", path+"/versions/x", "").status)
}
