package podlog

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// shop is a Deployment with two pods.
func shop(t *testing.T) (*rig, string) {
	t.Helper()
	r := newRig(t)
	id := r.resources.add("Deployment", "shop")
	for _, name := range []string{"shop-a", "shop-b"} {
		r.cluster.run(name, "ReplicaSet", "app", "proxy")
	}
	r.resources.own(id, "shop-a", "shop-b")
	return r, id
}

func TestThePodsOfAWorkloadAreMergedByTime(t *testing.T) {
	t.Parallel()
	r, id := shop(t)
	var want []string
	for i := range 40 {
		name := []string{"shop-a", "shop-b"}[i%2]
		r.cluster.print(name, "app", at(i), fmt.Sprintf("line %d", i))
		want = append(want, fmt.Sprintf("[%s] line %d", name, i))
	}
	r.cluster.print("shop-a", "proxy", at(100), "proxied")

	v := watch(t, r.Manager, id, models.LogQuery{Follow: true, Tail: 30})
	require.Equal(t, models.LogMetadata{
		Pod: "Deployment/shop", Container: "app", Namespace: namespace, Cluster: "prod", Pods: []string{"shop-a", "shop-b"},
	}, v.Metadata())
	require.Equal(t, want[10:], v.lines(30), "the newest of all pods")

	r.cluster.run("shop-c", "ReplicaSet", "app", "proxy")
	r.cluster.print("shop-c", "app", at(50), "hello")
	r.resources.own(id, "shop-a", "shop-b", "shop-c")
	require.Equal(t, "[shop-c] hello", v.lines(31)[30], "a pod joins by itself")
	r.resources.own(id, "shop-b", "shop-c")
	r.cluster.remove("shop-a")
	require.Eventually(t, func() bool { return r.Followed() == 2 }, 10*time.Second, 5*time.Millisecond, "and leaves")
	r.cluster.print("shop-b", "app", at(60), "alone")
	require.Equal(t, "[shop-b] alone", v.lines(32)[31])

	all := watch(t, r.Manager, id, models.LogQuery{Follow: true, AllContainers: true, SinceSeconds: 1 << 20})
	require.Empty(t, all.Metadata().Container)
	all.lines(22)
	require.NotContains(t, messages(all.frames), "[shop-a/app] line 0", "that pod is gone")
	require.Contains(t, messages(all.frames), "[shop-b/app] line 1")

	proxies := watch(t, r.Manager, id, models.LogQuery{Follow: true, Container: "proxy"})
	r.cluster.print("shop-c", "proxy", at(70), "proxied")
	require.Equal(t, []string{"[shop-c] proxied"}, proxies.lines(1))
}

// Of several logs, a reader comes back to its place in each.
func TestLastEventIDOfAWorkload(t *testing.T) {
	t.Parallel()
	r, id := shop(t)
	for i := range 40 {
		r.cluster.print([]string{"shop-a", "shop-b"}[i%2], "app", at(i), fmt.Sprintf("line %d", i))
	}
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true, Tail: 30})
	v.lines(30)
	v.close()
	logs := slices.DeleteFunc(slices.Clone(v.frames), func(f frame) bool { return f.event != "log" })
	for _, seen := range []int{1, 2, 17, 29, 30} {
		again := watch(t, r.Manager, id, models.LogQuery{Follow: true, Tail: 100, LastEventID: logs[seen-1].id})
		got := again.lines(30 - seen)
		require.Equal(t, messages(logs[seen:]), append([]string(nil), got...), "behind %d lines", seen)
		again.close()
	}
}

func TestAJobEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.resources.add("Job", "import")
	r.cluster.run("import-1", "Job", "app")
	r.resources.own(id, "import-1")
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
	r.cluster.print("import-1", "app", at(0), "imported")
	v.lines(1)
	r.cluster.finish("import-1")
	r.resources.mu.Lock()
	job := r.resources.all[id]
	job.Status = models.ResourceCompleted
	r.resources.all[id] = job
	r.resources.mu.Unlock()
	require.Equal(t, "the job has ended", v.ended())
	require.Equal(t, []string{"[import-1] imported"}, messages(v.frames))
}

func TestTheFilterIsText(t *testing.T) {
	t.Parallel()
	r, id := pod(t)
	r.cluster.print("web", "app", at(0), "GET /a.b 200", "GET /axb 200", "get /A.B 404", "[error] (x)*", "\x1b[1mgo\x1b[0mne")
	for filter, want := range map[string][]string{
		"a.b":       {"GET /a.b 200", "get /A.B 404"},
		"GET /":     {"GET /a.b 200", "GET /axb 200", "get /A.B 404"},
		"(x)*":      {"[error] (x)*"},
		"[ERROR]":   {"[error] (x)*"},
		"gone":      {"gone"},
		".*":        nil,
		"\\":        nil,
		"^GET":      nil,
		"2026-11-3": nil,
	} {
		v := watch(t, r.Manager, id, models.LogQuery{Filter: filter})
		require.Equal(t, "these are all lines", v.ended())
		require.Equal(t, want, messages(v.frames), filter)
	}
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true, Filter: "404"})
	v.lines(1)
	r.cluster.print("web", "app", at(1), "GET /c 200", "GET /d 404")
	require.Equal(t, []string{"get /A.B 404", "GET /d 404"}, v.lines(2))
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	r, id := pod(t)
	gone := r.resources.add("Pod", "gone")
	secret := r.resources.add("Secret", "key")
	for name, tc := range map[string]struct {
		user, id string
		query    models.LogQuery
		kind     models.Kind
		text     string
	}{
		"a pod that is gone":                {id: gone, kind: models.NotFound, text: "the pod gone is gone"},
		"a container that does not exist":   {id: id, query: models.LogQuery{Container: "no.*"}, kind: models.Invalid, text: `field container: there is no container "no.*"; there are app`},
		"a kind without logs":               {id: secret, kind: models.Invalid, text: "Secret has no logs"},
		"somebody else's":                   {user: bob, id: id, kind: models.NotFound, text: "resource not found"},
		"an unknown one":                    {id: "ffffffffffffffffffffffff", kind: models.NotFound, text: "resource not found"},
		"the log before, where there is no": {id: id, query: models.LogQuery{Previous: true}, kind: models.Invalid, text: "field previous: no container has restarted"},
	} {
		user := cmp.Or(tc.user, ann)
		_, err := r.Open(t.Context(), user, tc.id, tc.query)
		require.Equal(t, tc.kind, models.KindOf(err), name)
		require.Contains(t, models.MessageOf(err), tc.text, name)
		_, err = r.Download(t.Context(), user, tc.id, tc.query)
		require.Equal(t, tc.kind, models.KindOf(err), name)
	}
	require.Zero(t, r.resources.holds())
}

func TestAWithdrawnPermissionEndsTheView(t *testing.T) {
	t.Parallel()
	r, id := pod(t)
	r.cluster.print("web", "app", at(0), "secret plans")
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
	v.lines(1)
	r.resources.withdraw()
	require.Equal(t, "the access has ended", v.ended())
	v.told("the cluster is no longer shared with you")
	require.Eventually(t, func() bool { return r.Followed() == 0 && r.cluster.following.Load() == 0 }, 10*time.Second, 5*time.Millisecond)
}

func TestTheServerStops(t *testing.T) {
	t.Parallel()
	r, id := pod(t)
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
	r.cluster.print("web", "app", at(0), "line")
	v.lines(1)
	stopped := make(chan error)
	go func() { stopped <- r.Stop(t.Context()) }()
	require.Equal(t, "the server is stopping", v.ended())
	select {
	case err := <-stopped:
		require.Fail(t, "it does not wait for readers", "%v", err)
	default:
	}
	v.close()
	require.NoError(t, <-stopped)
	_, err := r.Open(t.Context(), ann, id, models.LogQuery{})
	require.Equal(t, models.Unavailable, models.KindOf(err))
}

// What the cluster forbids, or fails at, is told.
func TestTroubleWithTheCluster(t *testing.T) {
	t.Parallel()
	t.Run("it does not let its credentials read logs", func(t *testing.T) {
		t.Parallel()
		r, id := pod(t)
		r.cluster.change(func() {
			r.cluster.answer = func(w http.ResponseWriter, req *http.Request) bool {
				if strings.HasSuffix(req.URL.Path, "/log") {
					fail(w, http.StatusForbidden, "Forbidden", "pods/log is forbidden")
					return true
				}
				return false
			}
		})
		v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
		v.ended()
		v.told("the cluster does not permit this: pods/log is forbidden")
		_, err := r.Download(t.Context(), ann, id, models.LogQuery{})
		require.Equal(t, models.Forbidden, models.KindOf(err))
	})
	t.Run("it fails for a while", func(t *testing.T) {
		t.Parallel()
		r, id := pod(t)
		v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
		r.cluster.print("web", "app", at(0), numbered(0, 3)...)
		v.lines(3)
		r.cluster.change(func() {
			r.cluster.answer = func(w http.ResponseWriter, _ *http.Request) bool {
				fail(w, http.StatusInternalServerError, "InternalError", "no leader")
				return true
			}
			r.cluster.cuts++
		})
		v.told("no leader; trying again")
		r.cluster.print("web", "app", at(1), numbered(3, 6)...)
		r.cluster.change(func() { r.cluster.answer = nil })
		require.Equal(t, numbered(0, 6), v.lines(6))
	})
	t.Run("the kubelet says something itself", func(t *testing.T) {
		t.Parallel()
		r, id := pod(t)
		r.cluster.change(func() {
			r.cluster.answer = func(w http.ResponseWriter, req *http.Request) bool {
				if !strings.HasSuffix(req.URL.Path, "/log") {
					return false
				}
				_, _ = fmt.Fprintln(w, "unable to retrieve container logs for containerd://x")
				return true
			}
		})
		v := watch(t, r.Manager, id, models.LogQuery{})
		v.ended()
		v.told("the cluster says: unable to retrieve container logs")
	})
}
