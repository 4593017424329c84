package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// interrupted are workflows whose runs are in progress on one server.
type interrupted struct {
	cluster   *kubetest.Cluster
	workflows []string
	objects   int // of each
}

// beginRuns draws workflows and runs them through p until each has an object in the
// cluster.
func beginRuns(t *testing.T, p *person, c *kubetest.Cluster, workflows, objects int) *interrupted {
	t.Helper()
	r := &interrupted{cluster: c, objects: objects}
	for range workflows {
		r.workflows = append(r.workflows, p.draw(t, manyConfigMaps(c.Namespace(t), objects), edges()))
	}
	var started []<-chan struct{}
	for _, id := range r.workflows {
		started = append(started, watchConfigMaps(t, c, id, 1))
		p.startRun(t, id)
	}
	for _, there := range started {
		<-there
	}
	return r
}

// requireFinishedOnce requires that each workflow has one run, which completed and is
// counted and told once, and all its objects.
func (r *interrupted) requireFinishedOnce(t *testing.T, p *person) {
	t.Helper()
	for _, id := range r.workflows {
		runs := p.runs(t, id)
		require.Len(t, runs, 1)
		run := p.awaitEnd(t, id, runs[0].(object)["id"].(string))
		require.Equal(t, "completed", run["status"], run["error"])
		require.Len(t, run["node_states"], r.objects)
		require.Equal(t, r.objects, countConfigMaps(t, r.cluster, id))
		kubetest.Eventually(t, "the counters", func(context.Context) error {
			if w := p.ask(t, 200, "GET", "/workflows/"+id, nil); w["run_count"] != 1.0 || w["success_count"] != 1.0 {
				return fmt.Errorf("%v runs, %v of them good", w["run_count"], w["success_count"])
			}
			told := 0
			for _, n := range p.told(t) {
				if n["refId"] == id {
					told++
				}
			}
			if told != 1 {
				return fmt.Errorf("its end was told %d times", told)
			}
			return nil
		})
	}
}

// resourceVersions tells whether anybody wrote to the objects.
func (r *interrupted) resourceVersions(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, id := range r.workflows {
		list, err := r.cluster.Client().CoreV1().ConfigMaps("").List(t.Context(), metav1.ListOptions{LabelSelector: "kubeorch.io/workflow=" + id})
		require.NoError(t, err)
		for _, o := range list.Items {
			found[o.Namespace+"/"+o.Name] = o.ResourceVersion
		}
	}
	return found
}

// serverIDs are the sessions that the servers know of.
func (p *person) serverIDs(t *testing.T) (ids []string) {
	t.Helper()
	for _, s := range p.ask(t, http.StatusOK, "GET", "/admin/servers", nil)["servers"].([]any) {
		ids = append(ids, s.(object)["id"].(string))
	}
	return ids
}

// Runs of a server that is killed, and of one that freezes, go on elsewhere and end
// once. The frozen one writes nothing when it goes on.
func TestRunsOutliveTheirServer(t *testing.T) {
	t.Parallel()
	const workflows, objects = 10, 60
	cluster := shared.Cluster(t)
	s := startServers(t, 3)
	ann := s.all[0].ann()
	ann.addCluster(t, cluster)

	killed := beginRuns(t, ann.on(s.all[1]), cluster, workflows, objects)
	s.all[1].kill(t)
	at := time.Now()
	killed.requireFinishedOnce(t, ann)
	t.Logf("%d runs of a killed server were finished after %.1f s", workflows, time.Since(at).Seconds())

	frozen := beginRuns(t, ann.on(s.all[2]), cluster, workflows, objects)
	before := ann.serverIDs(t)
	s.all[2].freeze(t)
	at = time.Now()
	frozen.requireFinishedOnce(t, ann)
	t.Logf("%d runs of a frozen server were finished after %.1f s", workflows, time.Since(at).Seconds())
	versions := frozen.resourceVersions(t)
	s.all[2].thaw(t)
	kubetest.Eventually(t, "a new session of the thawed server", func(context.Context) error {
		now := ann.serverIDs(t)
		if len(now) == 2 && strings.Join(now, " ") != strings.Join(before, " ") {
			return nil
		}
		return fmt.Errorf("before %v, now %v", before, now)
	})
	require.Equal(t, versions, frozen.resourceVersions(t))
	frozen.requireFinishedOnce(t, ann.on(s.all[2]))
}

// Whichever server is asked, a workflow has one run at a time, and each is counted.
func TestRunsAreSharedByServers(t *testing.T) {
	t.Parallel()
	const workflows, runs = 12, 60
	cluster := shared.Cluster(t)
	s := startServers(t, 3)
	ann := s.all[0].ann()
	ann.addCluster(t, cluster)
	namespace := cluster.Namespace(t)
	var ids []string
	for i := range workflows {
		name := fmt.Sprintf("conf-%02d", i)
		ids = append(ids, ann.draw(t, []object{node("c", "configmap", namespace, name, "data", object{"a": "b"})}, edges()))
	}
	var counts [workflows]atomic.Int32
	var all sync.WaitGroup
	var refused atomic.Int32
	for i := range runs {
		all.Go(func() {
			of := i % workflows
			for {
				p := ann.on(s.all[rand.IntN(len(s.all))]) //nolint:gosec // any of them
				status, _, err := p.send(t.Context(), "POST", "/workflows/"+ids[of]+"/run", "")
				switch {
				case err == nil && status == http.StatusOK:
					counts[of].Add(1)
					return
				case err == nil && (status == http.StatusConflict || status == http.StatusTooManyRequests):
					refused.Add(1)
				default:
					t.Errorf("status %d, %v", status, err)
					return
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d runs, and %d requests while another one went on", runs, refused.Load())
	for i, id := range ids {
		want := float64(counts[i].Load())
		kubetest.Eventually(t, "the counters", func(context.Context) error {
			if w := ann.ask(t, 200, "GET", "/workflows/"+id, nil); w["run_count"] != want || w["success_count"] != want {
				return fmt.Errorf("%v runs, %v of them good, want %v", w["run_count"], w["success_count"], want)
			}
			return nil
		})
		require.Len(t, ann.runs(t, id), int(want))
	}
}

// A reader who goes from server to server in a burst of events misses none, and gets
// none twice.
func TestReaderMovesBetweenServers(t *testing.T) {
	t.Parallel()
	const objects = 120
	cluster := shared.Cluster(t)
	s := startServers(t, 2)
	ann := s.all[0].ann()
	ann.addCluster(t, cluster)
	id := ann.draw(t, manyConfigMaps(cluster.Namespace(t), objects), edges())
	reader := ann.streamStatus(t, id)
	ann.startRun(t, id)

	seen := map[string]int{}
	last, moves := "", 0
	for at := 0; len(seen) < objects; at++ {
		reader.until(t, "some events", func() error {
			if len(reader.events) < 2 && len(seen) < objects {
				return fmt.Errorf("%d nodes of %d have a status", len(seen), objects)
			}
			return nil
		})
		reader.cancel()
		<-reader.done
		for i, ev := range reader.events {
			require.NotEqual(t, "workflow_sync", ev.name, "a snapshot is not needed")
			if ev.name == "metadata" {
				require.Zero(t, i)
				continue
			}
			require.Greater(t, position(t, ev.id), position(t, last), "%s after %s", ev.id, last)
			last = ev.id
			seen[nodeOf(t, ev)]++
		}
		moves++
		to := ann.on(s.all[at%2])
		reader = to.streamStatus(t, id, "Last-Event-ID", last)
	}
	t.Logf("%d moves", moves)
}

// position is the number in the id of an event; -1 for none.
func position(t *testing.T, id string) int {
	t.Helper()
	if id == "" {
		return -1
	}
	_, digits, ok := strings.Cut(id, "-")
	require.True(t, ok, id)
	n, err := strconv.Atoi(digits)
	require.NoError(t, err)
	return n
}

// nodeOf is the node that an event is about.
func nodeOf(t *testing.T, ev event) string {
	t.Helper()
	var body struct {
		Data struct {
			NodeID string `json:"node_id"`
		} `json:"data"`
	}
	require.NoError(t, json.Unmarshal([]byte(ev.data), &body))
	return body.Data.NodeID
}
