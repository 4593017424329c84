package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nobody has to wait for an answer to have a workflow deployed.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	const count = 100
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	id := ann.draw(t, manyConfigMaps(namespace, count), edges())
	there := watchConfigMaps(t, cluster, id, 1)
	leave := ann.startRun(t, id)
	<-there
	leave()
	run := ann.awaitEnd(t, id, ann.runs(t, id)[0].(object)["id"].(string))
	require.Equal(t, "completed", run["status"], run["error"])
	require.Equal(t, count, countConfigMaps(t, cluster, id))
}

func TestManyRunsAtOnce(t *testing.T) {
	t.Parallel()
	const each = 15
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	type job struct {
		person *person
		id     string
	}
	var jobs []job
	for i, p := range []*person{ann, bob} {
		p.addCluster(t, cluster)
		for k := range each {
			name := fmt.Sprintf("app-%d-%d", i, k)
			jobs = append(jobs, job{p, p.draw(t, []object{
				node("conf", "configmap", namespace, name, "data", object{"who": name}),
				node("web", "deployment", namespace, name, "image", "nginx", "replicas", 0, "port", 80),
				node("svc", "service", namespace, name, "port", 80),
			}, edges("conf>web", "svc>web"))})
		}
	}
	answers := make(chan string, len(jobs))
	for _, j := range jobs {
		go func() {
			status, text, err := j.person.send(t.Context(), "POST", "/workflows/"+j.id+"/run", "")
			answers <- fmt.Sprint(status, " ", err, " ", text)
		}()
	}
	for range jobs {
		require.Contains(t, <-answers, "200 <nil> ")
	}
	for _, j := range jobs {
		runs := j.person.runs(t, j.id)
		require.Len(t, runs, 1)
		require.Equal(t, "completed", j.person.awaitEnd(t, j.id, runs[0].(object)["id"].(string))["status"])
		require.Len(t, objects(t, cluster, namespace, j.id), 3)
	}
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	const tries = 4
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	id := ann.draw(t, manyConfigMaps(namespace, 300), edges())
	answers := make(chan int, tries)
	for range tries {
		go func() {
			status, _, _ := ann.send(t.Context(), "POST", "/workflows/"+id+"/run", "")
			answers <- status
		}()
	}
	var got []int
	for range tries {
		got = append(got, <-answers)
	}
	slices.Sort(got)
	require.Equal(t, []int{200, 409, 409, 409}, got)
	require.Len(t, ann.runs(t, id), 1)
	ann.awaitEnd(t, id, ann.runs(t, id)[0].(object)["id"].(string))
	ann.run(t, id, nil)
}
