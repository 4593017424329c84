package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/routes"
)

// newMatrix starts a server on which Bob owns a workflow that ran, in a cluster
// that he shares, and tokens. Ann is its administrator.
func newMatrix(t *testing.T) *matrix {
	t.Helper()
	cluster := shared.Cluster(t)
	ann := start(t).ann()
	m := &matrix{person: ann.bob(), admin: ann, cluster: clusterInput(dev, cluster), ids: map[string]string{"name": dev}}
	m.ask(t, 201, "POST", "/clusters", m.cluster)
	// A default each, so that asking for it finds one.
	ann.ask(t, 201, "POST", "/clusters", clusterInput("anns", cluster))
	m.ids["id"] = m.draw(t, []object{node("n1", "configmap", cluster.Namespace(t), "mine", "data", object{"a": "b"})}, edges())
	m.ids["runId"], _ = m.run(t, m.ids["id"], nil)["id"].(string)
	m.ids["version"], m.ids["nodeId"] = "1", "n1"
	m.ids["userId"] = m.id(t)
	m.addColumns(t)
	return m
}

func (m *matrix) addColumns(t *testing.T) {
	t.Helper()
	m.columns = []column{
		{name: "nobody"},
		{name: "strange", token: "x.y.z"},
		{name: "owner", token: m.token, role: models.RoleUser, scope: models.ScopeSession, owner: true},
		{name: "admin", token: m.admin.token, role: models.RoleAdmin, scope: models.ScopeSession},
	}
	for _, scope := range []models.Scope{models.ScopeRead, models.ScopeDeploy, models.ScopeAdmin} {
		m.columns = append(m.columns,
			column{name: "o:" + string(scope), token: m.apiToken(t, "matrix "+string(scope), string(scope)), role: models.RoleUser, scope: scope, owner: true},
			column{name: "a:" + string(scope), token: m.admin.apiToken(t, "matrix "+string(scope), string(scope)), role: models.RoleAdmin, scope: scope})
	}
	for _, role := range []string{"", models.ClusterViewer, models.ClusterEditor, models.ClusterAdmin} {
		name := cmp.Or(role, "other")
		if role != "" {
			name = "s:" + role
		}
		p := m.newcomer(t, strings.TrimPrefix(name, "s:"))
		c := column{name: name, token: p.token, role: models.RoleUser, scope: models.ScopeSession, share: role}
		if role != "" {
			c.userID = p.id(t)
			m.shareWith(t, dev, c)
		}
		m.columns = append(m.columns, c)
	}
}

// newcomer signs somebody up who has a cluster of their own.
func (m *matrix) newcomer(t *testing.T, name string) *person {
	t.Helper()
	p := m.admin.newUser(t, name+"@example.org")
	own := maps.Clone(m.cluster)
	own["name"] = "own-" + name
	p.ask(t, 201, "POST", "/clusters", own)
	return p
}

// shareWith shares one of the owner's clusters with the people of c.
func (m *matrix) shareWith(t *testing.T, cluster string, c column) {
	t.Helper()
	answer := m.ask(t, 200, "POST", "/clusters/"+cluster+"/share", object{"targetUserId": c.userID, "role": c.share})
	offer, _ := answer["share"].(object)
	id, _ := offer["id"].(string)
	m.as(c.token).ask(t, 200, "POST", "/clusters/shares/"+id+"/accept", nil)
}

// fixtures make the objects that paths with these beginnings name. Those of
// the base are not to be changed; for others than the owner, c says who they
// are shared with.
func (m *matrix) fixtures() map[string]func(t *testing.T, c column) map[string]string {
	return map[string]func(t *testing.T, c column) map[string]string{
		"/workflows/:id":        m.workflow,
		"/clusters/:name":       m.spareCluster,
		"/profile/tokens/:id":   m.spareToken,
		"/settings/invites/:id": m.spareInvite,
	}
}

// prefixOf returns which of the fixtures the row names, or "".
func (m *matrix) prefixOf(row routes.Route) string {
	path := strings.TrimPrefix(row.Path, api)
	for prefix := range m.fixtures() {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return prefix
		}
	}
	return ""
}

// known reports whether the fixture has what the row names. Accounts are there
// to be read only: making one to be destroyed costs the hash of a password.
func (m *matrix) known(row routes.Route) bool {
	path := strings.TrimPrefix(row.Path, api)
	if strings.HasPrefix(path, "/admin/users/:id") {
		return row.Method == http.MethodGet
	}
	if strings.HasSuffix(path, "/fix") || strings.HasSuffix(path, "/fix/undo") { // there is nothing to fix
		return false
	}
	return m.prefixOf(row) != "" && !strings.HasSuffix(path, "/:userId")
}

// place returns a path of the row that names the fixture's objects or, fresh,
// some that may be destroyed. Parameters of other routes name nothing.
func (m *matrix) place(t *testing.T, row routes.Route, c column, fresh bool) string {
	t.Helper()
	prefix, ids := m.prefixOf(row), map[string]string{}
	deletes := row.Method == http.MethodDelete
	switch {
	case prefix == "" && m.known(row):
		ids["id"] = m.ids["userId"]
	case prefix == "/workflows/:id" || prefix == "/clusters/:name":
		ids = m.ids
		if fresh && !strings.Contains(row.Path, ":runId") && (c.owner || deletes) {
			ids = m.fixtures()[prefix](t, c)
		}
	case prefix != "":
		ids = m.fixtures()[prefix](t, c)
	}
	parts := strings.Split(row.Path, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = ids[name]
			if parts[i] == "" {
				parts[i] = "0123456789abcdef01234567"
			}
		}
	}
	full := strings.Join(parts, "/")
	if strings.HasSuffix(full, "/compare") {
		full += "?v1=1&v2=1"
	}
	return full
}

func (m *matrix) workflow(t *testing.T, _ column) map[string]string {
	t.Helper()
	id := m.draw(t, []object{node("n1", "configmap", "default", "matrix", "adopt", true, "data", object{"a": "b"})}, edges())
	m.ask(t, http.StatusCreated, "POST", "/workflows/"+id+"/versions", object{"name": "first"})
	return map[string]string{"id": id, "version": "1"}
}

func (m *matrix) spareCluster(t *testing.T, c column) map[string]string {
	t.Helper()
	m.serial++
	in := maps.Clone(m.cluster)
	name := fmt.Sprintf("spare-%d", m.serial)
	in["name"] = name
	m.ask(t, http.StatusCreated, "POST", "/clusters", in)
	if c.share != "" {
		m.shareWith(t, name, c)
	}
	return map[string]string{"name": name}
}

func (m *matrix) spareToken(t *testing.T, _ column) map[string]string {
	t.Helper()
	m.serial++
	made := m.ask(t, http.StatusCreated, "POST", "/profile/tokens", object{"name": fmt.Sprint("spare ", m.serial), "scope": "read"})
	token, _ := made["apiToken"].(object)
	id, _ := token["id"].(string)
	return map[string]string{"id": id}
}

func (m *matrix) spareInvite(t *testing.T, _ column) map[string]string {
	t.Helper()
	m.serial++
	made := m.admin.ask(t, http.StatusCreated, "POST", "/settings/invites", object{"email": fmt.Sprintf("guest%d@example.org", m.serial), "role": "user"})
	invite, _ := made["invite"].(object)
	id, _ := invite["id"].(string)
	return map[string]string{"id": id}
}
