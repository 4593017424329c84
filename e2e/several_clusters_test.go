package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/pkg/watch/watchtest"
)

// How long statuses may stand still after a server was killed, and after one has
// stopped. It takes 13 seconds to be sure of a death and a second to take clusters
// over; the rest is for machines that do a lot besides.
const (
	takeover = 30 * time.Second
	handover = 5 * time.Second
)

// manyClusters are fake clusters with a workflow in each, whose statuses are read.
// The number of ready pods only ever grows, the same in all of them.
type manyClusters struct {
	all       []*fakeCluster
	workflows []string // ids
	owner     *person
	ready     int64
	readers   [][]*stream // by workflow; the last one is open
	at        []*server   // where that one reads
}

func newManyClusters(t *testing.T, count int) *manyClusters {
	t.Helper()
	m := &manyClusters{readers: make([][]*stream, count), at: make([]*server, count)}
	for range count {
		c := newFakeCluster(t)
		c.objects = watchtest.New(t)
		m.all = append(m.all, c)
	}
	return m
}

// register makes the clusters and workflows known, through all servers.
func (m *manyClusters) register(t *testing.T, s *servers) {
	t.Helper()
	m.owner = s.all[0].ann()
	for i, c := range m.all {
		ann, name := m.owner.on(s.all[i%len(s.all)]), fmt.Sprintf("cluster-%02d", i)
		ann.addFakeCluster(t, name, c)
		id, _ := ann.ask(t, http.StatusCreated, "POST", "/workflows", object{"name": name, "cluster_id": name})["id"].(string)
		ann.save(t, id, []object{node("web", "deployment", "shop", "web", "image", "nginx"), node("conf", "configmap", "shop", "conf")}, edges())
		ann.publish(t, id)
		m.workflows = append(m.workflows, id)
		c.objects.Set("configmaps", m.object(id, "conf", "v1", "ConfigMap"))
	}
	m.grow()
}

func (m *manyClusters) object(workflow, node, version, kind string) object {
	return object{"apiVersion": version, "kind": kind, "metadata": object{
		"name": node, "namespace": "shop", "generation": int64(1),
		"labels": object{"managed-by": "kubeorch", "kubeorch.io/workflow": workflow, "kubeorch.io/node": node},
	}}
}

// grow makes one more pod ready in each cluster.
func (m *manyClusters) grow() {
	m.ready++
	for i, c := range m.all {
		web := m.object(m.workflows[i], "web", "apps/v1", "Deployment")
		web["spec"] = object{"replicas": int64(10_000)}
		web["status"] = object{
			"observedGeneration": int64(1), "replicas": int64(10_000), "updatedReplicas": int64(10_000),
			"readyReplicas": m.ready, "availableReplicas": m.ready,
		}
		c.objects.Set("deployments", web)
	}
}

// read opens a stream for each workflow that is read at none of the servers. Those
// that were interrupted go on where they were, as browsers do.
func (m *manyClusters) read(t *testing.T, servers ...*server) {
	t.Helper()
	for i, id := range m.workflows {
		var header []string
		if n := len(m.readers[i]); n > 0 {
			if slices.Contains(servers, m.at[i]) {
				continue
			}
			before := m.readers[i][n-1]
			<-before.done
			header = []string{"Last-Event-ID", before.events[len(before.events)-1].id}
		}
		at := servers[i%len(servers)]
		m.readers[i], m.at[i] = append(m.readers[i], m.owner.on(at).streamStatus(t, id, header...)), at
	}
}

// arrives waits until all readers, but those at a server, know how many pods are
// ready, and returns how long that took.
func (m *manyClusters) arrives(t *testing.T, but *server) time.Duration {
	t.Helper()
	begin := time.Now()
	for i, list := range m.readers {
		if m.at[i] == but {
			continue
		}
		s := list[len(list)-1]
		s.until(t, fmt.Sprintf("%d pods of cluster %d", m.ready, i), func() error {
			if got := s.status["web"]["readyReplicas"]; got != float64(m.ready) {
				return fmt.Errorf("it has %v", got)
			}
			return nil
		})
	}
	return time.Since(begin)
}

// requireOrder requires that no reader saw a status that was older than one before.
// Events that were published before a snapshot was read may follow it: a snapshot is
// read from the database, which may be ahead of the events.
func (m *manyClusters) requireOrder(t *testing.T) {
	t.Helper()
	for i, list := range m.readers {
		last, snapshot := 0.0, time.Time{}
		for _, s := range list {
			for _, ev := range s.seen() {
				for _, ready := range readyIn(t, ev) {
					if ev.name != "node_update" {
						snapshot = ev.at
					} else if ready < last && ev.published(t).Before(snapshot) {
						continue
					}
					require.GreaterOrEqual(t, ready, last, "cluster %d goes back in time after %v: %s", i, snapshot, ev.data)
					last = ready
				}
			}
		}
	}
}

// published returns when a server published the event.
func (ev event) published(t *testing.T) time.Time {
	t.Helper()
	var envelope struct{ Timestamp time.Time }
	require.NoError(t, json.Unmarshal([]byte(ev.data), &envelope))
	return envelope.Timestamp
}

// readyIn returns what an event tells of the pods of the node web.
func readyIn(t *testing.T, ev event) (found []float64) {
	t.Helper()
	one := &stream{status: map[string]object{}}
	one.apply(ev)
	require.Empty(t, one.faults)
	if ready, ok := one.status["web"]["readyReplicas"].(float64); ok {
		found = append(found, ready)
	}
	return found
}

// checks returns how often each cluster was checked so far.
func (m *manyClusters) checks() (counts []int) {
	for _, c := range m.all {
		counts = append(counts, int(c.checks.Load()))
	}
	return counts
}

// awaitOneWatch waits until each cluster has one watch a kind.
func (m *manyClusters) awaitOneWatch(t *testing.T) {
	t.Helper()
	kubetest.Eventually(t, "one watch a kind in each cluster", func(context.Context) error {
		for i, c := range m.all {
			got := c.objects.Watching()
			for _, kind := range []string{"deployments", "configmaps", "pods", "events"} {
				if got[kind] != 1 || len(got) != 4 {
					return fmt.Errorf("cluster %d has %v", i, got)
				}
			}
		}
		return nil
	})
}

// awaitShares waits until each of the servers looks after its share of the clusters.
func (m *manyClusters) awaitShares(t *testing.T, servers ...*server) {
	t.Helper()
	kubetest.Eventually(t, "even shares", func(context.Context) error {
		sum, all := 0, []int{}
		for _, s := range servers {
			n := s.clusters(t)
			sum, all = sum+n, append(all, n)
			if share := len(m.all) / len(servers); n < share-2 || n > share+1 {
				return fmt.Errorf("servers look after %v", all)
			}
		}
		if sum != len(m.all) {
			return fmt.Errorf("servers look after %v", all)
		}
		return nil
	})
}

// clusters returns how many clusters the server says it looks after.
func (s *server) clusters(t *testing.T) (n int) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^kubeorch_clusters{.*} (\d+)$`).FindAllStringSubmatch(s.call(t, "GET", "/metrics", "", "").text, -1) {
		one, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		n += one
	}
	return n
}

// Three servers look after 60 clusters. One is killed, one stands still for a while,
// one comes, and one is stopped.
func TestServersShareClusters(t *testing.T) {
	t.Parallel()
	m := newManyClusters(t, 60)
	s := startServers(t, 3, "MAX_CLUSTERS_PER_USER", "0")
	m.register(t, s)
	m.read(t, s.all...)
	m.arrives(t, nil)
	m.awaitShares(t, s.all...)
	m.awaitOneWatch(t)

	// A round is a minute. Statuses change meanwhile.
	before, begin := m.checks(), time.Now()
	pace := time.NewTicker(500 * time.Millisecond)
	defer pace.Stop()
	for time.Since(begin) < time.Minute {
		m.grow()
		m.arrives(t, nil)
		<-pace.C
	}
	sum := 0
	for i, after := range m.checks() {
		require.InDelta(t, 1, after-before[i], 1, "checks of cluster %d", i)
		sum += after - before[i]
	}
	require.InDelta(t, len(m.all), sum, 12, "checks in a round") // late ones fall into the next round
	m.awaitOneWatch(t)

	s.all[0].kill(t)
	killed := time.Now()
	m.grow()
	m.read(t, s.all[1:]...)
	m.arrives(t, nil)
	t.Logf("killed: the statuses of all clusters went on after %s", time.Since(killed).Round(time.Millisecond))
	require.Less(t, time.Since(killed), takeover)
	m.awaitOneWatch(t)

	s.all[1].freeze(t)
	frozen := time.Now()
	m.grow()
	m.arrives(t, s.all[1])
	t.Logf("frozen: the statuses of all clusters went on after %s", time.Since(frozen).Round(time.Millisecond))
	require.Less(t, time.Since(frozen), takeover)
	s.all[1].thaw(t)
	m.grow()
	m.arrives(t, nil)

	begin = time.Now()
	s.start(t, 0, "MAX_CLUSTERS_PER_USER", "0")
	m.awaitShares(t, s.all...)
	t.Logf("added: a new server has its share %s after its start", time.Since(begin).Round(time.Millisecond))
	m.grow()
	m.arrives(t, nil)
	m.awaitOneWatch(t)

	took := s.all[2].stop(t)
	m.grow()
	m.read(t, s.all[:2]...)
	after := m.arrives(t, nil)
	t.Logf("stopped in %s: the statuses of all clusters went on %s later", took.Round(time.Millisecond), after.Round(time.Millisecond))
	require.Less(t, after, handover)
	m.awaitShares(t, s.all[:2]...)
	m.awaitOneWatch(t)
	m.requireOrder(t)
	for i, id := range m.workflows {
		require.EqualValues(t, m.ready, m.owner.on(s.all[0]).statuses(t, id)["web"]["readyReplicas"], "cluster %d", i)
	}
	for i, n := range m.checks() {
		require.Less(t, n, 2+int(time.Since(killed)/time.Minute)+8, "checks of cluster %d", i)
	}
}
