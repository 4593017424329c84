package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// told returns the notifications of a person, the newest first.
func (p *person) told(t *testing.T) (list []object) {
	t.Helper()
	for _, n := range p.ask(t, http.StatusOK, "GET", "/user-notifications?limit=100", nil)["notifications"].([]any) {
		list = append(list, n.(object))
	}
	return list
}

// untilTold waits until the newest notification of a stream has the title, and
// returns it.
func (s *stream) untilTold(t *testing.T, title string) (n object) {
	t.Helper()
	s.until(t, "a notification", func() error {
		ev := s.events[len(s.events)-1]
		n = nil
		if err := json.Unmarshal([]byte(ev.data), &n); err != nil || ev.name != "new_notification" || n["title"] != title {
			return fmt.Errorf("the last event is %s %s", ev.name, ev.data)
		}
		return nil
	})
	return n
}

// What one server does is told at another one, once, to those whom it concerns.
func TestNotifications(t *testing.T) {
	t.Parallel()
	s := startServers(t, 2)
	ann, away := s.all[0].ann(), newFakeCluster(t)
	bob := ann.bob()
	cluster := shared.Cluster(t)
	ann.addCluster(t, cluster)
	ann.addFakeCluster(t, "away", away)
	atB, bobs := ann.on(s.all[1]).stream(t, "/user-notifications/stream"), bob.on(s.all[1]).stream(t, "/user-notifications/stream")
	require.Equal(t, []string{"connected"}, atB.names())

	good := ann.draw(t, []object{node("conf", "configmap", cluster.Namespace(t), "told", "data", object{"a": "b"})}, edges())
	ann.run(t, good, nil)
	n := atB.untilTold(t, t.Name()+" was deployed")
	require.Equal(t, []any{"workflow_deployed", good, "/dashboard/workflow/" + good, false}, []any{n["type"], n["refId"], n["link"], n["read"]})
	require.Equal(t, n, ann.told(t)[0], "the list has it as the stream")

	bad, _ := ann.ask(t, http.StatusCreated, "POST", "/workflows", object{"name": "bad", "cluster_id": "away"})["id"].(string)
	ann.save(t, bad, []object{node("conf", "configmap", "default", "told", "data", object{"a": "b"})}, edges())
	ann.publish(t, bad)
	away.dead.Store(true)
	run := ann.runFails(t, bad)
	n = atB.untilTold(t, "bad could not be deployed")
	require.Equal(t, []any{"workflow_failed", bad, run["error"]}, []any{n["type"], n["refId"], n["message"]})

	test := func(dead bool, status int, title string) object {
		away.dead.Store(dead)
		ann.ask(t, status, "POST", "/clusters/away/test", nil)
		return atB.untilTold(t, title)
	}
	require.Equal(t, "resource_warning", test(true, http.StatusServiceUnavailable, "Cluster away cannot be reached")["type"])
	require.Equal(t, "system", test(false, http.StatusOK, "Cluster away works again")["type"])
	require.Equal(t, []string{"connected", "new_notification", "new_notification", "new_notification", "new_notification"}, atB.names())
	require.Len(t, ann.told(t), 4)

	require.Empty(t, bob.told(t))
	require.Equal(t, []string{"connected"}, bobs.names())
	path := "/user-notifications/" + n["id"].(string) + "/read"
	bob.ask(t, http.StatusNotFound, "PATCH", path, nil)
	ann.ask(t, http.StatusOK, "PATCH", path, nil)
	require.EqualValues(t, 3, ann.on(s.all[1]).ask(t, http.StatusOK, "GET", "/user-notifications/unread-count", nil)["unreadCount"])
	require.EqualValues(t, 3, ann.ask(t, http.StatusOK, "POST", "/user-notifications/mark-all-read", nil)["count"])
	require.False(t, slices.ContainsFunc(ann.told(t), func(n object) bool { return n["read"] != true }))

	answer := ann.ask(t, http.StatusOK, "POST", "/clusters/away/share", object{"targetUserId": bob.id(t), "role": "viewer"})
	bob.ask(t, http.StatusOK, "POST", "/clusters/shares/"+answer["share"].(object)["id"].(string)+"/accept", nil)
	test(true, http.StatusServiceUnavailable, "Cluster away cannot be reached")
	bobs.untilTold(t, "Cluster away cannot be reached")
	require.Len(t, bob.told(t), 1)
}
