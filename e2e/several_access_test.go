package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What one server ends is over at the other one with the next request, and its
// streams end there long before anybody looks.
func TestAccessEndsOnAllServers(t *testing.T) {
	t.Parallel()
	s := startServers(t, 2)
	ann := s.all[0].ann()
	ann.ask(t, http.StatusOK, "PUT", "/settings/regenerate-setting", `{"regenerateAfterSignup":false}`)
	admin := func(p *person, method, path string, body any) {
		ann.ask(t, http.StatusOK, method, "/admin/users/"+p.id(t)+path, body)
	}
	for name, tc := range map[string]struct {
		begin func(t *testing.T, p *person) // before anything is open
		end   func(t *testing.T, p *person)
	}{
		"logout": {end: func(t *testing.T, p *person) { p.ask(t, http.StatusOK, "POST", "/auth/logout", nil) }},
		"sessions ended by another one": {end: func(t *testing.T, p *person) {
			p.signIn(t, p.email, "secret1", "desk").ask(t, http.StatusOK, "DELETE", "/profile/sessions", nil)
		}},
		"password": {end: func(t *testing.T, p *person) {
			p.signIn(t, p.email, "secret1", "desk").ask(t, http.StatusOK, "PUT", "/profile/password",
				object{"currentPassword": "secret1", "newPassword": "secret2"})
		}},
		"disabled": {end: func(_ *testing.T, p *person) { admin(p, "POST", "/disable", nil) }},
		"demoted": {
			begin: func(_ *testing.T, p *person) { admin(p, "PUT", "/role", `{"role":"admin"}`) },
			end:   func(_ *testing.T, p *person) { admin(p, "PUT", "/role", `{"role":"user"}`) },
		},
		"deleted": {end: func(_ *testing.T, p *person) { admin(p, "DELETE", "?owned=delete", nil) }},
		"API token": {
			begin: func(t *testing.T, p *person) { p.token = p.apiToken(t, "ci", "admin") },
			end: func(t *testing.T, p *person) {
				owner := p.signIn(t, p.email, "secret1", "desk")
				tokens, _ := owner.ask(t, http.StatusOK, "GET", "/profile/tokens", nil)["tokens"].([]any)
				owner.ask(t, http.StatusOK, "DELETE", "/profile/tokens/"+tokens[0].(object)["id"].(string), nil)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := ann.newUser(t, strings.ReplaceAll(name, " ", "-")+"@example.org")
			if tc.begin != nil {
				tc.begin(t, p)
			}
			there := p.on(s.all[1])
			open := there.streamNew(t)
			tc.end(t, p)
			ended := time.Now()
			there.requireSignedOut(t, open)
			t.Logf("the stream ended after %v", time.Since(ended).Round(time.Millisecond))
		})
	}
	bob := ann.bob()
	bob.on(s.all[1]).ask(t, http.StatusForbidden, "GET", "/admin/users", nil)
	admin(bob, "PUT", "/role", `{"role":"admin"}`)
	bob.on(s.all[1]).ask(t, http.StatusOK, "GET", "/admin/users", nil)
}

func TestSharesEndOnAllServers(t *testing.T) {
	t.Parallel()
	s := startServers(t, 2)
	ann, bob := s.all[0].ann(), s.all[1].bob()
	ann.addNowhere(t, dev)
	ann.share(t, bob, "editor")
	require.Equal(t, []string{dev}, bob.clusterNames(t))
	open := bob.stream(t, "/clusters/stream")
	ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev/shares/"+bob.id(t), nil)
	ended := time.Now()
	bob.ask(t, http.StatusNotFound, "GET", "/clusters/dev", nil)
	open.untilEvent(t, "cluster_removed")
	require.Less(t, time.Since(ended), atOnce)

	ann.share(t, bob, "viewer")
	open.untilEvent(t, "cluster_update")
	ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev", nil)
	require.Empty(t, bob.clusterNames(t))
}

// untilEvent waits until the newest event has a name.
func (s *stream) untilEvent(t *testing.T, name string) {
	t.Helper()
	s.until(t, "the event "+name, func() error {
		if last := s.events[len(s.events)-1]; last.name != name {
			return fmt.Errorf("the last one is %s", last.name)
		}
		return nil
	})
}

// Bob runs a workflow at one server in a cluster that Ann stops sharing at the
// other one.
func TestShareEndsDuringARunOfAnotherServer(t *testing.T) {
	t.Parallel()
	const count = 400
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	s := startServers(t, 2)
	ann, bob := s.all[0].ann(), s.all[1].bob()
	ann.addCluster(t, cluster)
	ann.share(t, bob, "editor", namespace)
	id := bob.draw(t, manyConfigMaps(namespace, count), edges())
	there := watchConfigMaps(t, cluster, id, 10)
	bob.startRun(t, id)
	<-there
	ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev/shares/"+bob.id(t), nil)
	run := bob.awaitEnd(t, id, bob.runs(t, id)[0].(object)["id"].(string))
	require.Equal(t, "failed", run["status"])
	require.Contains(t, run["error"], "not open to the owner")
	require.Less(t, countConfigMaps(t, cluster, id), count, "it was to end before all was done")
}

// Whoever spreads guesses over the servers gets no further than at one.
func TestGuessesAreCountedOverAllServers(t *testing.T) {
	t.Parallel()
	s := startServers(t, 2, behindProxy()...)
	at := func(i int) *server { return s.all[i%2] }
	guesses := 0
	for i := range 30 {
		body := fmt.Sprintf(`{"name":"Eve","email":"eve@example.org","password":"secret1","inviteCode":"99%04d"}`, i)
		res := at(i).client(t, fmt.Sprintf("198.51.100.%d", i), "POST", api+"/auth/register", "", body)
		if res.StatusCode == http.StatusTooManyRequests {
			continue
		}
		require.Equal(t, http.StatusForbidden, res.StatusCode, res.text)
		guesses++
	}
	require.Equal(t, 20, guesses)

	// After five free failures, and waits of 1, 2 and 4 s, the next one is of 8 s.
	failures, tries := 0, 0
	require.Eventually(t, func() bool {
		tries++
		res := at(tries).client(t, "203.0.113.1", "POST", api+"/auth/login", "", login("ann@example.org", "wrong-1"))
		if res.StatusCode != http.StatusTooManyRequests {
			require.Equal(t, http.StatusUnauthorized, res.StatusCode, res.text)
			failures++
			return false
		}
		return requireTooMany(t, res) > 4*time.Second
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, 8, failures)
	for i := range 2 {
		requireTooMany(t, at(i).client(t, "203.0.113.1", "POST", api+"/auth/login", "", login("ann@example.org", "secret1")))
		res := at(i).call(t, "POST", api+"/auth/login", "", login("ann@example.org", "secret1"))
		require.Equal(t, http.StatusOK, res.StatusCode, "from where she has logged in before")
	}
}
