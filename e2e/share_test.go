package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func conf(namespace string, names ...string) (nodes []object) {
	for _, name := range names {
		nodes = append(nodes, node(name, "configmap", namespace, name, "data", object{"a": "b"}))
	}
	return nodes
}

// An offer counts for nothing, a viewer looks, an editor deploys, and when the
// share ends, everything does.
func TestShareOfACluster(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann, bob, eve := newPerson(t, "ann"), newPerson(t, "bob"), newPerson(t, "eve")
	ann.addCluster(t, cluster)
	id := bob.draw(t, conf(namespace, "mine"), edges())

	offer := ann.offerShare(t, bob, "viewer")
	require.Empty(t, bob.clusterNames(t), "it is only offered")
	bob.ask(t, http.StatusNotFound, "GET", "/clusters/dev", nil)
	bob.ask(t, http.StatusBadRequest, "POST", "/workflows/"+id+"/run", nil)
	eve.ask(t, http.StatusNotFound, "POST", "/clusters/shares/"+offer+"/accept", nil)
	offered := bob.ask(t, http.StatusOK, "GET", "/clusters/shares", nil)["shares"].([]any)[0].(object)
	require.Equal(t, "pending", offered["status"])
	require.Equal(t, ann.email, offered["owner"].(object)["email"])
	bob.ask(t, http.StatusOK, "POST", "/clusters/shares/"+offer+"/accept", nil)

	seen := bob.ask(t, http.StatusOK, "GET", "/clusters/dev", nil)
	require.Equal(t, []any{true, "viewer", []any{}, false}, []any{seen["shared"], seen["role"], seen["namespaces"], seen["default"]})
	require.Equal(t, ann.email, seen["owner"].(object)["email"])
	bob.ask(t, http.StatusOK, "GET", "/clusters/dev/status", nil)
	bob.ask(t, http.StatusOK, "POST", "/clusters/dev/test", nil)
	bob.ask(t, http.StatusOK, "POST", "/clusters/dev/refresh", nil)
	bob.ask(t, http.StatusOK, "PUT", "/clusters/dev/default", nil)
	require.Equal(t, seen["id"], bob.ask(t, http.StatusOK, "GET", "/clusters", nil)["default"])
	refused := bob.ask(t, http.StatusForbidden, "POST", "/workflows/"+id+"/run", nil)
	require.Contains(t, refused["error"], "viewer")
	require.Empty(t, bob.runs(t, id))
	require.Zero(t, countConfigMaps(t, cluster, id))

	ann.offerShare(t, bob, "editor") // counts at once
	bob.run(t, id, nil)
	require.Equal(t, 1, countConfigMaps(t, cluster, id))
	watched := bob.streamStatus(t, id)
	watched.untilStates(t, map[string]string{"mine": "created"})
	for _, forbidden := range [][2]string{
		{"PUT", "/clusters/dev"}, {"DELETE", "/clusters/dev"}, {"PUT", "/clusters/dev/credentials"},
		{"POST", "/clusters/dev/share"}, {"GET", "/clusters/dev/shares"},
	} {
		body := bodies()[forbidden[0]+" "+strings.Replace(forbidden[1], "/dev", "/:name", 1)]
		bob.ask(t, http.StatusForbidden, forbidden[0], forbidden[1], body)
	}
	bob.ask(t, http.StatusForbidden, "DELETE", "/clusters/dev/shares/"+ann.id(t), nil)
	eve.ask(t, http.StatusNotFound, "GET", "/clusters/dev/shares", nil)

	members := ann.ask(t, http.StatusOK, "GET", "/clusters/dev/shares", nil)["shares"].([]any)
	require.Len(t, members, 1)
	require.Equal(t, bob.email, members[0].(object)["user"].(object)["email"])
	ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev/shares/"+bob.id(t), nil)
	require.Empty(t, bob.clusterNames(t))
	require.Empty(t, bob.ask(t, http.StatusOK, "GET", "/clusters", nil)["default"])
	bob.ask(t, http.StatusNotFound, "GET", "/clusters/default", nil)
	watched.until(t, "the stream to say that the access is gone", func() error {
		if watched.status["mine"]["reason"] != "AccessLost" {
			return fmt.Errorf("it says %v", watched.status["mine"])
		}
		return nil
	})
	require.Equal(t, "AccessLost", bob.statuses(t, id)["mine"]["reason"])
	lost := bob.ask(t, http.StatusForbidden, "POST", "/workflows/"+id+"/run", nil)
	require.Contains(t, lost["error"], "no access any more")
	archived := bob.ask(t, http.StatusOK, "PUT", "/workflows/"+id+"/status", `{"status":"archived"}`)
	require.Contains(t, fmt.Sprint(archived), "not all removed")
	require.Equal(t, 1, countConfigMaps(t, cluster, id), "nobody may touch it")
}

// A share for one namespace is good for nothing else.
func TestShareOfANamespace(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	open, closed, missing := cluster.Namespace(t), cluster.Namespace(t), unusedNamespace(t, cluster)
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	ann.addCluster(t, cluster)
	ann.share(t, bob, "editor", open, missing)
	seen := bob.ask(t, http.StatusOK, "GET", "/clusters/dev", nil)
	require.Equal(t, []any{open}, seen["metadata"].(object)["namespaces"], "others are none of his business")

	id := bob.draw(t, append(conf(open, "good"), conf(closed, "bad-1", "bad-2")...), edges())
	problems := func() (nodes []string) {
		refused := bob.ask(t, http.StatusForbidden, "POST", "/workflows/"+id+"/run", nil)
		for _, p := range refused["problems"].([]any) {
			require.Equal(t, "namespace", p.(object)["field"])
			nodes = append(nodes, p.(object)["node"].(string))
		}
		return nodes
	}
	require.Equal(t, []string{"bad-1", "bad-2"}, problems())
	require.Zero(t, countConfigMaps(t, cluster, id), "nothing is written")
	require.Empty(t, bob.runs(t, id))

	bob.save(t, id, append(conf(open, "good"), conf(missing, "made")...), edges())
	require.Equal(t, []string{"made"}, problems(), "he may not make a namespace")
	_, err := cluster.Client().CoreV1().Namespaces().Get(t.Context(), missing, metav1.GetOptions{})
	require.Error(t, err)

	bob.save(t, id, conf(open, "good"), edges())
	bob.run(t, id, nil)
	require.Equal(t, 1, countConfigMaps(t, cluster, id))

	ann.offerShare(t, bob, "editor", closed) // another place: what is elsewhere is out of reach
	archived := bob.ask(t, http.StatusOK, "PUT", "/workflows/"+id+"/status", `{"status":"archived"}`)
	require.Contains(t, fmt.Sprint(archived), "not all removed")
	require.Equal(t, 1, countConfigMaps(t, cluster, id))
}

// A share that ends in the middle of a run ends the run.
func TestShareEndsDuringARun(t *testing.T) {
	t.Parallel()
	const count = 400
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
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

// Two people in one cluster neither overwrite nor remove what the other has.
func TestTwoPeopleInOneCluster(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	ann.addCluster(t, cluster)
	ann.share(t, bob, "editor")
	anns := ann.draw(t, conf(namespace, "same", "hers"), edges())
	ann.run(t, anns, nil)
	taken := conf(namespace, "same", "his")
	taken[0]["data"].(object)["adopt"] = true
	bobs := bob.draw(t, taken, edges())
	require.Contains(t, bob.runFails(t, bobs)["error"], "another workflow")
	bob.save(t, bobs, conf(namespace, "his"), edges())
	bob.run(t, bobs, nil)
	bob.ask(t, http.StatusOK, "PUT", "/workflows/"+bobs+"/status", `{"status":"archived"}`)
	require.Equal(t, 2, countConfigMaps(t, cluster, anns))
	require.Zero(t, countConfigMaps(t, cluster, bobs))
}

// A name never comes to mean another cluster than it did.
func TestNamesOfSharedClusters(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann, bob, eve := newPerson(t, "ann"), newPerson(t, "bob"), newPerson(t, "eve")
	ann.addCluster(t, cluster)
	bob.addCluster(t, cluster)
	ann.share(t, eve, "editor")
	bob.share(t, eve, "viewer")
	for _, reserved := range []string{"default", "shares", "stream", "a~b", "Prod"} {
		refused := eve.ask(t, http.StatusBadRequest, "POST", "/clusters", clusterInput(reserved, cluster))
		require.Contains(t, refused["error"], "field name")
	}
	require.Equal(t, []string{dev, dev}, eve.clusterNames(t))
	first := eve.ask(t, http.StatusOK, "GET", "/clusters/dev", nil)
	require.Equal(t, "editor", first["role"], "what was accepted first counts")
	var addresses []string
	for _, c := range eve.ask(t, http.StatusOK, "GET", "/clusters", nil)["clusters"].([]any) {
		addresses = append(addresses, c.(object)["address"].(string))
	}
	roles := map[any]bool{}
	for _, address := range addresses {
		roles[eve.ask(t, http.StatusOK, "GET", "/clusters/"+address, nil)["role"]] = true
	}
	require.Len(t, roles, 2, "each has an address of its own")

	id := eve.draw(t, conf(namespace, "hers"), edges())
	eve.run(t, id, nil)
	eve.addCluster(t, cluster) // her own one comes first now, for everything that is new
	require.NotContains(t, eve.ask(t, http.StatusOK, "GET", "/clusters/dev", nil), "shared")
	ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev/shares/"+eve.id(t), nil)
	lost := eve.ask(t, http.StatusForbidden, "POST", "/workflows/"+id+"/run", nil)
	require.Contains(t, lost["error"], "no access any more", "her own cluster is another one")
	ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev", nil)
	eve.run(t, id, nil) // the old one is gone and the name is hers
	eve.ask(t, http.StatusOK, "DELETE", "/clusters/dev", nil)
	bob.offerShare(t, eve, "editor")
	conflict := eve.ask(t, http.StatusConflict, "POST", "/workflows/"+id+"/run", nil)
	require.Contains(t, conflict["error"], "somebody else's")
}

// Nobody learns from an offer who has an account, and deleting ends all.
func TestOffersByEmailAndDeletion(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	ann.addCluster(t, cluster)
	answers := map[string]string{}
	for _, email := range []string{bob.email, "nob@example.org"} {
		answer := ann.ask(t, http.StatusOK, "POST", "/clusters/dev/share", object{"targetEmail": email, "role": "admin"})
		id := answer["share"].(object)["id"].(string)
		at := answer["share"].(object)["createdAt"].(string)
		answers[email] = strings.NewReplacer(id, "", at, "", email, "").Replace(fmt.Sprint(answer))
	}
	require.Equal(t, answers[bob.email], answers["nob@example.org"])
	listed := ann.ask(t, http.StatusOK, "GET", "/clusters/dev/shares", nil)["shares"].([]any)
	require.Len(t, listed, 2)
	for _, sh := range listed {
		require.NotContains(t, sh.(object)["user"], "id")
		if sh.(object)["user"].(object)["email"] == "nob@example.org" {
			ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev/shares/"+sh.(object)["id"].(string), nil)
		}
	}
	ann.ask(t, http.StatusNotFound, "POST", "/clusters/dev/share", object{"targetUserId": "0123456789abcdef01234567", "role": "viewer"})
	for field, in := range map[string]object{
		"role":         {"targetUserId": bob.id(t), "role": "king"},
		"targetUserId": {"targetUserId": ann.id(t), "role": "viewer"},
		"targetEmail":  {"targetEmail": "no address", "role": "viewer"},
		"namespaces":   {"targetUserId": bob.id(t), "role": "viewer", "namespaces": []string{"A B"}},
	} {
		require.Contains(t, ann.ask(t, http.StatusBadRequest, "POST", "/clusters/dev/share", in)["error"], "field "+field)
	}

	share := bob.ask(t, http.StatusOK, "GET", "/clusters/shares", nil)["shares"].([]any)[0].(object)["id"].(string)
	bob.ask(t, http.StatusOK, "POST", "/clusters/shares/"+share+"/decline", nil)
	bob.ask(t, http.StatusNotFound, "POST", "/clusters/shares/"+share+"/accept", nil)
	ann.share(t, bob, "viewer")
	bob.ask(t, http.StatusOK, "DELETE", "/clusters/dev/shares/"+bob.id(t), nil) // he leaves
	require.Empty(t, bob.clusterNames(t))
	ann.share(t, bob, "admin")
	require.Len(t, bob.ask(t, http.StatusOK, "GET", "/clusters/dev/shares", nil)["shares"], 1)
	bob.ask(t, http.StatusOK, "DELETE", "/clusters/dev", nil)
	require.Empty(t, ann.clusterNames(t))
	require.Empty(t, bob.ask(t, http.StatusOK, "GET", "/clusters/shares", nil)["shares"])
}
