package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Servers on one database are one system: whoever has an account has it on each.
func TestServersShareTheirDatabase(t *testing.T) {
	t.Parallel()
	s := startServers(t, 2)
	s.all[0].ann().newUser(t, "eve@example.org")
	eve := s.all[1].signIn(t, "eve@example.org", "secret1", "elsewhere")
	id := eve.createWorkflow(t)
	require.Equal(t, id, eve.on(s.all[0]).ask(t, http.StatusOK, "GET", "/workflows/"+id, nil)["id"])
	require.NotZero(t, s.db.counts(t, 1)["insert"])
}

// Requests wait for a primary that steps down, or are told to come again, and
// servers recover by themselves.
func TestPrimaryStepsDown(t *testing.T) {
	t.Parallel()
	s := startServers(t, 2, unlimited()...)
	a := s.save(t)
	s.db.stepDown(t, 10)
	require.Equal(t, http.StatusServiceUnavailable, s.all[0].readiness(t))
	begin := time.Now()
	read := a.ann.call(t, "GET", api+"/workflows/"+a.versioned, a.ann.token, "")
	require.Less(t, time.Since(begin), patience)
	if read.StatusCode != http.StatusOK { // else the machine is slow, and the primary was back
		require.Equal(t, http.StatusServiceUnavailable, read.StatusCode, read.text)
		require.Equal(t, "5", read.Header.Get("Retry-After"))
	}
	for _, server := range s.all {
		server.awaitReady(t)
	}
	a.progress(t)
	a.check(t, s.db)
}

// Connections that break cost nothing that was acknowledged, and a database that
// is killed is found again.
func TestConnectionsToTheDatabaseBreak(t *testing.T) {
	t.Parallel()
	s := startServers(t, 2, unlimited()...)
	a := s.save(t)
	for range 5 {
		for _, l := range s.db.links {
			l.reset()
		}
		a.progress(t)
	}
	s.db.links[0].cut()
	require.Eventually(t, func() bool { return s.all[0].readiness(t) == http.StatusServiceUnavailable }, time.Minute, 50*time.Millisecond)
	require.Equal(t, http.StatusOK, s.all[1].readiness(t), "the other server has its own connections")
	s.db.links[0].restore()
	s.all[0].awaitReady(t)
	a.progress(t)
	a.check(t, s.db)

	s.db.kill(t)
	s.db.start(t)
	for _, server := range s.all {
		server.awaitReady(t)
		a.ann.on(server).save(t, a.saved[0], []object{}, edges())
	}
}

// A save whose answer is lost between database and server is done once, and
// acknowledged.
func TestLostAnswerOfTheDatabase(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1)
	ann := s.all[0].ann()
	id := ann.createWorkflow(t)
	revision := func() string { return ann.call(t, "GET", api+"/workflows/"+id, ann.token, "").Header.Get("ETag") }
	require.Equal(t, `"1"`, revision())
	s.db.links[0].loseAnswer("first of all")
	ann.ask(t, http.StatusOK, "POST", "/workflows/"+id+"/save", `{"nodes":[],"edges":[],"description":"first of all"}`)
	require.True(t, s.db.links[0].lost())
	require.Equal(t, `"2"`, revision())
	s.db.links[0].loseAnswer("version of it")
	ann.ask(t, http.StatusCreated, "POST", "/workflows/"+id+"/versions", object{"name": "version of it"})
	require.True(t, s.db.links[0].lost())
	require.EqualValues(t, 1, ann.ask(t, http.StatusOK, "GET", "/workflows/"+id+"/versions", nil)["total"])
}

// A save whose answer is lost between server and client is stored, and the client
// can find that out by the revision.
func TestLostAnswerOfTheServer(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1)
	ann := s.all[0].ann()
	id, wire := ann.createWorkflow(t), s.all[0].link(t)
	far := ann.through(wire)
	far.save(t, id, []object{}, edges())
	wire.loseAnswer("/save")
	_, err := far.exchange(t.Context(), "POST", "/workflows/"+id+"/save", `{"nodes":[],"edges":[]}`)
	require.Error(t, err)
	require.True(t, wire.lost())
	again := far.call(t, "POST", api+"/workflows/"+id+"/save", far.token, `{"nodes":[],"edges":[]}`, "If-Match", `"2"`)
	require.Equal(t, http.StatusConflict, again.StatusCode, again.text)
	require.Equal(t, `"3"`, far.call(t, "GET", api+"/workflows/"+id, far.token, "").Header.Get("ETag"))
}

// A database that hangs is found out in bounded time.
func TestDatabaseHangs(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]struct {
		begin, end func(*testing.T, *databaseServer)
	}{
		"the network": {
			func(_ *testing.T, db *databaseServer) { db.links[0].hang() },
			func(_ *testing.T, db *databaseServer) { db.links[0].restore() },
		},
		"the process": {
			func(t *testing.T, db *databaseServer) { db.freeze(t) },
			func(t *testing.T, db *databaseServer) { db.thaw(t) },
		},
		"it is slow": {
			func(_ *testing.T, db *databaseServer) { db.links[0].delay(20 * time.Second) },
			func(_ *testing.T, db *databaseServer) { db.links[0].restore() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServers(t, 1)
			ann := s.all[0].ann()
			id := ann.createWorkflow(t)
			hang.begin(t, s.db)
			for _, call := range []struct{ method, path, body string }{
				{"GET", api + "/workflows/" + id, ""},
				{"POST", api + "/workflows/" + id + "/save", `{"nodes":[],"edges":[]}`},
				{"POST", api + "/auth/login", `{"email":"ann@example.org","password":"secret1"}`},
				{"GET", "/readyz", ""},
			} {
				begin := time.Now()
				res := s.all[0].call(t, call.method, call.path, ann.token, call.body)
				require.Equal(t, http.StatusServiceUnavailable, res.StatusCode, "%s: %s", call.path, res.text)
				require.Less(t, time.Since(begin), patience)
				t.Logf("%s was answered after %v", call.path, time.Since(begin).Round(time.Millisecond))
			}
			hang.end(t, s.db)
			s.all[0].awaitReady(t)
			ann.save(t, id, []object{}, edges())
		})
	}
}
