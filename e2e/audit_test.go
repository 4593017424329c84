package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// auditTrail returns the entries that a query selects, and their text.
func (p *person) auditTrail(t *testing.T, query ...string) (entries []object, text string) {
	t.Helper()
	values := url.Values{"limit": {"200"}}
	for i := 0; i < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	res := p.call(t, "GET", api+"/admin/audit?"+values.Encode(), p.token, "")
	require.Equal(t, http.StatusOK, res.StatusCode, res.text)
	list, ok := res.json(t)["entries"].([]any)
	require.True(t, ok, "a list, never null")
	for _, e := range list {
		e, _ := e.(object)
		entries = append(entries, e)
	}
	return entries, res.text
}

// summaries words entries as "action outcome status actor", with "?" behind an
// address that was only claimed.
func summaries(entries []object) (out []string) {
	for _, e := range entries {
		actor, _ := e["actor"].(string)
		actor, _, _ = strings.Cut(actor, "@")
		if e["actorId"] == nil {
			actor += "?"
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%v %v %v %s", e["action"], e["outcome"], or(e["status"], "-"), actor)))
	}
	return out
}

func or(v any, absent string) any {
	if v == nil {
		return absent
	}
	return v
}

// onlyEntry returns the only entry with an action and an outcome.
func onlyEntry(t *testing.T, entries []object, action, outcome string) object {
	t.Helper()
	var found []object
	for _, e := range entries {
		if e["action"] == action && e["outcome"] == outcome {
			found = append(found, e)
		}
	}
	require.Len(t, found, 1, "%s %s", action, outcome)
	return found[0]
}

// history is what happened, and what must not be told of it.
type history struct {
	dora             *person
	doraID, workflow string
	tokenID          string
	secrets          []string
}

// doraActs has Dora come, work, share, be refused, and be sent away.
func doraActs(t *testing.T, ann *person) history {
	t.Helper()
	cluster := shared.Cluster(t)
	const password, misplaced, typed = "canary-password-5Rt", "canary-misplaced@9Kp", "canary-typed-3Wm"
	register := func(code string) answer {
		return ann.call(t, "POST", api+"/auth/register", "", encoded(t, object{
			"name": "Dora", "email": "Dora@example.org", "password": password, "inviteCode": code}))
	}
	login := func(email, password string) answer {
		return ann.call(t, "POST", api+"/auth/login", "", encoded(t, object{"email": email, "password": password}))
	}
	require.Equal(t, 403, register("none").StatusCode)
	code := ann.inviteCode(t)
	require.Equal(t, 201, register(code).StatusCode)
	require.Equal(t, 401, login("DORA@example.org", misplaced).StatusCode)
	require.Equal(t, 401, login(misplaced, "x").StatusCode)
	in := login("dora@example.org", password)
	require.Equal(t, 200, in.StatusCode)
	session, _ := in.json(t)["token"].(string)
	d := history{dora: ann.as(session)}
	d.doraID = d.dora.id(t)

	require.Equal(t, 401, ann.call(t, "PUT", api+"/profile", "", `{"name":"x"}`).StatusCode, "nobody fills the trail")
	d.dora.ask(t, 201, "POST", "/clusters", clusterInput(dev, cluster))
	offer := d.dora.ask(t, 200, "POST", "/clusters/"+dev+"/share", object{"targetEmail": "bob@example.org", "role": "viewer"})
	share, _ := offer["share"].(object)
	bob := ann.bob()
	offers, _ := bob.ask(t, 200, "GET", "/clusters/shares", nil)["shares"].([]any)
	require.Len(t, offers, 1, "%v", share)
	bob.ask(t, 200, "POST", "/clusters/shares/"+offers[0].(object)["id"].(string)+"/accept", nil)
	bob.ask(t, 403, "PUT", "/clusters/"+dev, `{"displayName":"mine"}`)

	d.workflow = d.dora.draw(t, []object{node("s", "secret", cluster.Namespace(t), "s", "keys", []object{{"name": "PASS"}})}, edges())
	d.dora.run(t, d.workflow, object{"secrets": object{"s": object{"PASS": typed}}})
	bob.ask(t, 404, "DELETE", "/workflows/"+d.workflow, nil)

	made := d.dora.ask(t, 201, "POST", "/profile/tokens", object{"name": "ci", "scope": "read"})
	token, _ := made["token"].(string)
	d.tokenID, _ = made["apiToken"].(object)["id"].(string)
	script := ann.as(token)
	script.ask(t, 200, "GET", "/workflows/"+d.workflow, nil)
	script.ask(t, 403, "POST", "/workflows/"+d.workflow+"/run", nil)
	d.dora.ask(t, 200, "DELETE", "/profile/tokens/"+d.tokenID, nil)
	script.ask(t, 401, "GET", "/workflows", nil)

	ann.call(t, "POST", api+"/admin/users/"+d.doraID+"/disable", ann.token, "", "X-Request-ID", "goodbye-1")
	d.dora.ask(t, 401, "POST", "/workflows/"+d.workflow+"/run", nil)
	d.secrets = []string{password, misplaced, typed, token, session, ann.token, cluster.Token(), code}
	return d
}

func TestAuditOfADay(t *testing.T) {
	t.Parallel()
	ann := start(t).ann()
	from := time.Now().UTC().Format(time.RFC3339Nano)
	d := doraActs(t, ann)
	entries, text := ann.auditTrail(t, "from", from)
	require.ElementsMatch(t, []string{
		"auth.register denied 403 dora?", "auth.register success 201 dora",
		"auth.login denied 401 dora?", "auth.login denied 401 ?", "auth.login success 200 dora",
		"cluster.create success 201 dora", "cluster.share success 200 dora", "cluster.share.accept success 200 bob",
		"cluster.update denied 403 bob",
		"workflow.create success 201 dora", "workflow.save success 200 dora", "workflow.status success 200 dora",
		"workflow.run success 200 dora", "run.end success - dora", "workflow.delete denied 404 bob",
		"api_token.create success 201 dora", "workflow.run denied 403 dora", "api_token.revoke success 200 dora",
		"user.disable success 200 ann",
	}, summaries(entries))
	for _, secret := range d.secrets {
		require.NotContains(t, text, secret)
	}

	requireDetails(t, entries, d)
	requireSelections(t, ann, from, d)
	requirePages(t, ann, from, entries)
	for name, value := range map[string]string{"from": "yesterday", "outcome": "good", "action": "*", "address": "home"} {
		res := ann.call(t, "GET", api+"/admin/audit?"+name+"="+value, ann.token, "")
		require.Equal(t, http.StatusBadRequest, res.StatusCode)
		require.Contains(t, res.json(t)["error"], name)
	}
}

func requireDetails(t *testing.T, entries []object, d history) {
	t.Helper()
	for _, e := range entries {
		require.Equal(t, "127.0.0.1", e["address"], e)
		require.NotEmpty(t, e["requestId"])
	}
	details := func(action, outcome string) object {
		found, _ := onlyEntry(t, entries, action, outcome)["details"].(object)
		return found
	}
	require.Equal(t, dev, details("cluster.create", "success")["cluster"])
	require.Equal(t, "bob@example.org", details("cluster.share", "success")["with"])
	require.Equal(t, "viewer", details("cluster.share", "success")["role"])
	require.Equal(t, d.workflow, details("workflow.create", "success")["workflow"])
	require.Equal(t, dev, details("workflow.run", "success")["cluster"], "whose credentials were used")
	require.Equal(t, "completed", details("run.end", "success")["result"])
	require.Equal(t, details("workflow.run", "success")["run"], onlyEntry(t, entries, "run.end", "success")["target"].(object)["runId"])
	require.Equal(t, "ci", details("api_token.create", "success")["name"])
	require.Equal(t, d.tokenID, details("api_token.revoke", "success")["token"])
	require.Equal(t, d.tokenID, onlyEntry(t, entries, "workflow.run", "denied")["apiTokenId"])
	require.Nil(t, onlyEntry(t, entries, "workflow.run", "denied")["sessionId"])
	disabled := onlyEntry(t, entries, "user.disable", "success")
	require.Equal(t, object{"id": d.doraID}, disabled["target"])
	require.Equal(t, "goodbye-1", disabled["requestId"])
}

func requireSelections(t *testing.T, ann *person, from string, d history) {
	t.Helper()
	for name, tc := range map[string]struct {
		query []string
		want  []string
	}{
		"an area":  {[]string{"action", "cluster."}, []string{"cluster.update", "cluster.share.accept", "cluster.share", "cluster.create"}},
		"a target": {[]string{"target", d.doraID}, []string{"user.disable"}},
		"who claimed to be somebody": {[]string{"actor", "dora@example.org", "action", "auth.login"}, []string{
			"auth.login", "auth.login"}},
		"an account, and how it ended": {[]string{"actor", d.doraID, "outcome", "denied"}, []string{"workflow.run"}},
		"another address":              {[]string{"address", "192.0.2.1"}, nil},
	} {
		entries, _ := ann.auditTrail(t, append([]string{"from", from}, tc.query...)...)
		var actions []string
		for _, e := range entries {
			actions = append(actions, e["action"].(string))
		}
		require.Equal(t, tc.want, actions, name)
	}
}

func requirePages(t *testing.T, ann *person, from string, all []object) {
	t.Helper()
	var got []object
	for page := 1; page <= len(all); page++ {
		entries, _ := ann.auditTrail(t, "from", from, "limit", "4", "page", fmt.Sprint(page))
		if len(entries) == 0 {
			break
		}
		require.LessOrEqual(t, len(entries), 4)
		got = append(got, entries...)
	}
	require.Equal(t, all, got, "each once, in the same order")
	answer := ann.ask(t, 200, "GET", "/admin/audit?limit=4&from="+from, nil)
	require.EqualValues(t, len(all), answer["total"])
	require.EqualValues(t, 4, answer["limit"])
	require.EqualValues(t, 1, answer["page"])
}
