package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/pkg/watch/watchtest"
)

// fakeCluster is as much of an API server as a check needs, and can play dead.
type fakeCluster struct {
	*httptest.Server

	dead    atomic.Bool
	checks  atomic.Int32
	objects *watchtest.API // that can be watched; nil: none
}

var watchable = regexp.MustCompile(`/(deployments|configmaps|pods|events)$`)

func newFakeCluster(t *testing.T) *fakeCluster {
	t.Helper()
	m := &fakeCluster{}
	m.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case m.dead.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"it is dead","code":503}`)
		case r.URL.Path == "/version":
			_, _ = io.WriteString(w, `{"gitVersion":"v1.99.0","platform":"linux/amd64"}`)
		case strings.HasSuffix(r.URL.Path, "/selfsubjectreviews"):
			m.checks.Add(1)
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","status":{"userInfo":{"username":"ann"}}}`)
		case m.objects != nil && watchable.MatchString(r.URL.Path):
			m.objects.ServeHTTP(w, r)
		default:
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`)
		}
	}))
	m.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	m.StartTLS()
	t.Cleanup(m.Close)
	return m
}

// addFakeCluster registers m under a name.
func (p *person) addFakeCluster(t *testing.T, name string, m *fakeCluster) {
	t.Helper()
	p.ask(t, http.StatusCreated, "POST", "/clusters", object{"name": name, "server": m.URL, "authType": "token",
		"credentials": object{"token": "some-token", "insecure": true}})
}

// lastOf returns the data of the newest event of a stream that is about a
// cluster, and the event's name.
func (s *stream) lastOf(cluster string) (name string, data object) {
	for _, ev := range s.events {
		var parsed object
		if json.Unmarshal([]byte(ev.data), &parsed) != nil {
			continue
		}
		if ev.name == "metadata" {
			list, _ := parsed["clusters"].([]any)
			for _, c := range list {
				if c, _ := c.(object); c["cluster"] == cluster {
					name, data = ev.name, c
				}
			}
			continue
		}
		if d, _ := parsed["data"].(object); d["cluster"] == cluster {
			name, data = ev.name, d
		}
	}
	return name, data
}

// untilCluster waits for news of a cluster.
func (s *stream) untilCluster(t *testing.T, cluster, event, status string) {
	t.Helper()
	s.until(t, event+" of "+cluster, func() error {
		name, data := s.lastOf(cluster)
		got, _ := data["status"].(string)
		if name != event || got != status {
			return fmt.Errorf("the last is %q: %v", name, data)
		}
		return nil
	})
}

func TestPagesAreToldWhenAClusterDiesAndComesBack(t *testing.T) {
	t.Parallel()
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	m := newFakeCluster(t)
	ann.addFakeCluster(t, "prod", m)
	s, bobs := ann.stream(t, "/clusters/stream"), bob.stream(t, "/clusters/stream")
	s.untilCluster(t, "prod", "metadata", "connected")

	m.dead.Store(true)
	ann.ask(t, http.StatusServiceUnavailable, "POST", "/clusters/prod/test", nil)
	s.untilCluster(t, "prod", "cluster_update", "disconnected")
	_, data := s.lastOf("prod")
	require.Equal(t, false, data["isOnline"])
	require.Contains(t, data["error"], "busy")
	require.NotEmpty(t, data["lastCheck"])
	require.NotEmpty(t, data["id"])

	m.dead.Store(false)
	ann.ask(t, http.StatusOK, "POST", "/clusters/prod/test", nil)
	s.untilCluster(t, "prod", "cluster_update", "connected")
	bobs.until(t, "silence about what is not shared", func() error {
		if name, _ := bobs.lastOf("prod"); name != "" {
			t.Errorf("Bob was told %s", name)
		}
		return nil
	})

	ann.ask(t, http.StatusOK, "POST", "/clusters/prod/share", object{"targetEmail": bob.email, "role": "viewer"})
	offers, _ := bob.ask(t, http.StatusOK, "GET", "/clusters/shares", nil)["shares"].([]any)
	require.Len(t, offers, 1)
	id, _ := offers[0].(object)["id"].(string)
	bob.ask(t, http.StatusOK, "POST", "/clusters/shares/"+id+"/accept", nil)
	bobs.untilCluster(t, "prod", "cluster_update", "connected")
	figures := bob.ask(t, http.StatusOK, "GET", "/clusters/prod/metrics", nil)
	require.Equal(t, "none", figures["source"])
	for _, h := range figures["health"].([]any) {
		require.Equal(t, "unknown", h.(object)["status"], "what may not be read is not made up")
	}
	m.dead.Store(true)
	ann.ask(t, http.StatusServiceUnavailable, "POST", "/clusters/prod/test", nil)
	bobs.untilCluster(t, "prod", "cluster_update", "disconnected")

	ann.ask(t, http.StatusOK, "DELETE", "/clusters/prod", nil)
	s.untilCluster(t, "prod", "cluster_removed", "")
	bobs.untilCluster(t, "prod", "cluster_removed", "")
}

func TestFiguresOfClusters(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	ann.addCluster(t, c)
	dead := newFakeCluster(t)
	ann.addFakeCluster(t, "dead", dead)
	dead.dead.Store(true)
	ann.ask(t, http.StatusServiceUnavailable, "POST", "/clusters/dead/test", nil)

	var m object
	kubetest.Eventually(t, "the figures of the cluster", func(context.Context) error {
		m = ann.ask(t, http.StatusOK, "GET", "/clusters/"+dev+"/metrics", nil)
		return nil
	})
	require.Equal(t, dev, m["clusterName"])
	names := []any{}
	for _, h := range m["health"].([]any) {
		names = append(names, h.(object)["name"])
		require.Contains(t, []any{"healthy", "unhealthy", "unknown"}, h.(object)["status"])
	}
	require.Equal(t, []any{"API Server", "Scheduler", "Controller", "etcd"}, names)
	for _, kind := range []string{"cpu", "memory", "storage"} {
		usage := m["resources"].(object)[kind].(object)
		for _, key := range []string{"used", "capacity", "percentage"} {
			require.IsType(t, float64(0), usage[key], "%s %s", kind, key)
		}
	}
	require.Positive(t, m["nodeCount"])
	require.Contains(t, m, "podCount")
	require.NotEmpty(t, m["lastUpdated"])

	said := ann.ask(t, http.StatusServiceUnavailable, "GET", "/clusters/dead/metrics", nil)
	require.NotEmpty(t, said["error"])
	require.Equal(t, said["error"], said["message"])
	bob.ask(t, http.StatusNotFound, "GET", "/clusters/"+dev+"/metrics", nil)

	o := ann.ask(t, http.StatusOK, "GET", "/metrics/overview", nil)
	rows := o["clusters"].([]any)
	require.Len(t, rows, 2)
	for _, r := range rows {
		r := r.(object)
		for _, key := range strings.Fields("cpuUsed cpuCapacity cpuPercent memUsed memCapacity memPercent storUsed storCapacity storPercent nodeCount podCount") {
			require.IsType(t, float64(0), r[key], "%v %s", r["clusterName"], key)
		}
		if r["clusterName"] == "dead" {
			require.Equal(t, "disconnected", r["status"])
			require.Zero(t, r["nodeCount"])
		}
	}
	for _, key := range strings.Fields("cpuUsed cpuCapacity cpuPercent memoryUsed memoryCapacity memoryPercent storageUsed storageCapacity storagePercent nodeCount podCount") {
		require.IsType(t, float64(0), o["totals"].(object)[key], key)
	}
	require.Equal(t, m["nodeCount"], o["totals"].(object)["nodeCount"])
	require.Equal(t, []any{}, bob.ask(t, http.StatusOK, "GET", "/metrics/overview", nil)["clusters"])

	res := ann.call(t, "GET", "/metrics", "", "")
	require.Contains(t, res.text, `kubeorch_clusters{status="connected"}`)
	require.Contains(t, res.text, "kubeorch_cluster_check_seconds_count")
	require.Contains(t, res.text, "kubeorch_clusters_out_of_reach")
}

func TestFiguresOfWorkloads(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	ann.addCluster(t, c)
	bob.addCluster(t, c)
	require.Equal(t, []any{}, ann.ask(t, http.StatusOK, "GET", "/metrics/resources", nil)["resources"])
	namespace := unusedNamespace(t, c)
	id := ann.draw(t, []object{node("web", "deployment", namespace, "web", "image", "nginx", "replicas", 2)}, edges())
	ann.run(t, id, nil)
	kubetest.Eventually(t, "the rows of the workload", func(context.Context) error {
		rows, _ := ann.ask(t, http.StatusOK, "GET", "/metrics/resources?cluster="+dev+"&namespace="+namespace, nil)["resources"].([]any)
		if len(rows) != 3 {
			return fmt.Errorf("rows are %v", rows)
		}
		for _, r := range rows {
			r := r.(object)
			require.Equal(t, dev, r["clusterName"])
			require.Equal(t, namespace, r["namespace"])
			require.IsType(t, float64(0), r["restarts"])
			require.Contains(t, []any{"running", "pending"}, r["status"])
			require.Contains(t, []any{"Deployment", "Pod"}, r["type"])
		}
		return nil
	})
	rows := bob.ask(t, http.StatusOK, "GET", "/metrics/resources?cluster=all", nil)["resources"]
	require.Equal(t, []any{}, rows, "the same cluster, and none of his workflows")
}
