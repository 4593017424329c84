package watcher

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// inOrder requires that the pods that a kind of line tells of never get fewer.
func (s *several) inOrder(what string) {
	s.t.Helper()
	last := int64(-1)
	for _, line := range s.noted(what) {
		var n int64
		_, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &n)
		require.NoError(s.t, err, line)
		require.GreaterOrEqual(s.t, n, last, "%s back in time: %v", what, s.noted(what))
		last = n
	}
}

func TestClusterMovesWhileItsObjectsChange(t *testing.T) {
	t.Parallel()
	s := newSeveral(t, 3)
	w := s.draw(drawn("web", "deployment", nil), drawn("cm", "configmap", nil))
	s.api.Set("configmaps", s.object(w, "cm"))
	s.give("c1", s.servers[0])
	for _, p := range s.servers {
		defer p.Hold(w.ID)()
	}
	const moves, changes = 12, 20
	for i := range moves {
		for j := range changes {
			s.api.Set("deployments", s.deployment(w, "web", int64(1+i*changes+j)))
			if j == changes/2 {
				s.move("c1", s.servers[(i+1)%3])
			}
			time.Sleep(2 * time.Millisecond) // the load
		}
	}
	s.ready(w, "web", moves*changes)
	s.inOrder("stores web")
	s.inOrder("tells web")
	for _, stored := range s.noted("stores cm") { // again where it was stored after the workflow was read
		require.Equal(t, s.noted("stores cm")[0], stored, "it stays as it is")
	}
	require.Greater(t, len(s.noted("stores web")), 1) // a busy machine stores fewer than there are changes
	require.Eventually(t, func() bool {
		got := s.api.Watching()
		return len(got) == 4 && got["deployments"] == 1 && got["configmaps"] == 1 && got["pods"] == 1 && got["events"] == 1
	}, watcherPatience, time.Millisecond, "one watch a kind")
}

// What was right stays unwritten, what has gone meanwhile is reported.
func TestClusterIsTakenOverAfterACrash(t *testing.T) {
	t.Parallel()
	s := newSeveral(t, 2)
	w := s.draw(drawn("web", "deployment", nil), drawn("db", "statefulset", nil), drawn("cm", "configmap", nil), drawn("old", "configmap", nil))
	broken := s.deployment(w, "web", 0)
	s.api.Set("deployments", broken)
	pod := s.object(w, "web")
	pod["status"] = map[string]any{"phase": "Pending", "containerStatuses": []any{map[string]any{
		"name": "web", "image": "nginx:nope", "state": map[string]any{"waiting": map[string]any{"reason": "ImagePullBackOff"}},
	}}}
	s.api.Set("pods", pod)
	s.api.Set("statefulsets", with(s.deployment(w, "db", 0), "apps/v1", "StatefulSet"))
	quota := s.object(w, "quota")
	quota["involvedObject"] = map[string]any{"kind": "StatefulSet", "namespace": "shop", "name": "db"}
	quota["reason"], quota["message"] = "FailedCreate", "exceeded quota"
	s.api.Set("events", quota)
	s.api.Set("configmaps", s.object(w, "cm"))
	s.api.Set("configmaps", s.object(w, "old"))
	s.give("c1", s.servers[0])
	first, second := s.servers[0], s.servers[1]
	defer second.Hold(w.ID)()
	s.becomes(w, "web", "error")
	s.becomes(w, "cm", "created")
	s.becomes(w, "old", "created")
	require.Eventually(t, func() bool { return strings.Contains(fmt.Sprint(s.statusOf(w, "db")["message"]), "quota") }, watcherPatience, time.Millisecond)

	require.NoError(t, first.Stop(t.Context())) // it is killed
	s.api.Delete("deployments", "shop", "web")
	s.api.Delete("pods", "shop", "web")
	s.api.Delete("configmaps", "shop", "old")
	before := len(s.noted("2 stores"))
	s.give("c1", second)
	require.Eventually(t, func() bool {
		return s.statusOf(w, "web")["reason"] == "Deleted" && s.statusOf(w, "old")["reason"] == "Deleted"
	}, watcherPatience, 5*time.Millisecond)
	require.Zero(t, before)
	require.Len(t, s.noted("2 stores"), 2, "the others are as they were: %v", s.noted("stores"))
	require.Len(t, s.noted("2 resyncs"), 1, "the first may have stored a status that it did not publish")
}

// A server stands still while it stores a status. Another one takes over, and then
// it goes on.
func TestServerThatStoodStillStoresNothingOld(t *testing.T) {
	t.Parallel()
	for name, newer := range map[string]int64{"others have stored a newer status": 5, "the status was right": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSeveral(t, 2)
			first, second := s.servers[0], s.servers[1]
			w := s.draw(drawn("web", "deployment", nil))
			s.api.Set("deployments", s.deployment(w, "web", newer))
			s.give("c1", first)
			defer first.Hold(w.ID)()
			defer second.Hold(w.ID)()
			s.ready(w, "web", newer)

			thaw := first.block()
			s.api.Set("deployments", s.deployment(w, "web", 3))
			first.storing()
			first.mu.Lock()
			first.believe = map[string]int64{"c1": s.fences["c1"]}
			first.mu.Unlock()
			s.api.Set("deployments", s.deployment(w, "web", newer))
			s.give("c1", second)
			require.Eventually(t, func() bool { return second.watches(w) }, watcherPatience, time.Millisecond)
			require.Eventually(t, func() bool { return len(s.noted("2 resyncs")) == 1 }, watcherPatience, time.Millisecond)

			thaw()
			require.Eventually(t, func() bool { return !first.watches(w) }, watcherPatience, time.Millisecond, "it has lost the cluster")
			require.NotEmpty(t, s.noted("1 nudges"))
			require.Empty(t, s.noted("web partial 3"), "neither stored nor published")
			require.Equal(t, newer, s.statusOf(w, "web")["readyReplicas"])
			s.api.Set("deployments", s.deployment(w, "web", 7))
			s.ready(w, "web", 7)
			require.Empty(t, s.noted("1 stores web partial 7"))
		})
	}
}

func TestServerThatStoodStillPublishesNothingOld(t *testing.T) {
	t.Parallel()
	s := newSeveral(t, 2)
	first, second := s.servers[0], s.servers[1]
	w := s.draw(drawn("web", "deployment", nil))
	s.give("c1", first)
	first.after = func() { s.give("c1", second) } // between storing and publishing
	defer first.Hold(w.ID)()
	defer second.Hold(w.ID)()
	s.api.Set("deployments", s.deployment(w, "web", 3))
	require.Eventually(t, func() bool { return second.watches(w) && !first.watches(w) }, watcherPatience, time.Millisecond)
	require.Len(t, s.noted("1 stores web"), 1)
	require.Empty(t, s.noted("tells"), "the status is stored, so readers get it from the database")
	require.Len(t, s.noted("2 resyncs"), 1)
}

func TestReaderElsewhere(t *testing.T) {
	t.Parallel()
	s := newSeveral(t, 2)
	holder, other := s.servers[0], s.servers[1]
	for _, p := range s.servers {
		p.keep = 600 * time.Millisecond
	}
	w := s.draw(drawn("cm", "configmap", nil))
	s.api.Set("configmaps", s.object(w, "cm"))
	s.give("c1", holder)
	release := other.Hold(w.ID)
	s.becomes(w, "cm", "created")
	require.False(t, other.watches(w))
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.sent > 3
	}, watcherPatience, time.Millisecond, "the reader stays")
	require.Eventually(t, func() bool { return holder.watches(w) }, watcherPatience, time.Millisecond)
	ids, err := s.wishes.WantedIn(t.Context(), "c1")
	require.NoError(t, err)
	require.Equal(t, []string{w.ID}, ids)

	release()
	require.Eventually(t, func() bool { return !holder.watches(w) }, watcherPatience, time.Millisecond)
	for _, p := range s.servers {
		require.Eventually(t, func() bool {
			p.Manager.mu.Lock()
			defer p.Manager.mu.Unlock()
			return len(p.interest) == 0 && len(p.watchers) == 0
		}, watcherPatience, time.Millisecond)
	}
	sent := s.sent
	require.Never(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.sent > sent
	}, 2*holder.keep, 50*time.Millisecond, "there is no echo")
}

// A run on a server that has gone since was the only reason to watch, and its
// message reached nobody.
func TestWishesOutliveTheirServers(t *testing.T) {
	t.Parallel()
	s := newSeveral(t, 3)
	w := s.draw(drawn("cm", "configmap", nil))
	s.api.Set("configmaps", s.object(w, "cm"))
	s.servers[0].Watch(w.ID)
	require.Eventually(t, func() bool {
		ids, err := s.wishes.WantedIn(t.Context(), "c1")
		return err == nil && len(ids) == 1
	}, watcherPatience, time.Millisecond)
	require.NoError(t, s.servers[0].Stop(t.Context()))
	s.give("c1", s.servers[1])
	s.becomes(w, "cm", "created")
	s.move("c1", s.servers[2])
	require.Eventually(t, func() bool { return s.servers[2].watches(w) }, watcherPatience, time.Millisecond)
	require.Eventually(t, func() bool { return !s.servers[1].watches(w) }, watcherPatience, time.Millisecond)
	require.Len(t, s.noted("stores cm"), 1)
}

func TestRunElsewhere(t *testing.T) {
	t.Parallel()
	s := newSeveral(t, 3)
	w := s.draw(drawn("cm", "configmap", nil))
	s.api.Set("configmaps", s.object(w, "cm"))
	s.api.Set("services", s.object(w, "svc"))
	s.give("c1", s.servers[0])
	defer s.servers[1].Hold(w.ID)()
	s.becomes(w, "cm", "created")

	nodes := slices.Concat(w.Nodes, []models.Node{drawn("svc", "service", nil)})
	nodes[1].Data["name"], nodes[1].Data["namespace"] = "svc", "shop"
	_, err := s.workflows.Update(t.Context(), "ann", w.ID, models.WorkflowPatch{Nodes: &nodes}, models.Now())
	require.NoError(t, err)
	s.servers[2].Watch(w.ID)
	s.becomes(w, "svc", "healthy")
	require.True(t, s.servers[0].watches(w))
	require.False(t, s.servers[1].watches(w) || s.servers[2].watches(w))
}

func TestReleaseWaitsForWhatIsBeingStored(t *testing.T) {
	t.Parallel()
	s := newSeveral(t, 2)
	w := s.draw(drawn("cm", "configmap", nil))
	s.api.Set("configmaps", s.object(w, "cm"))
	s.give("c1", s.servers[0])
	unblock := s.servers[0].block()
	defer s.servers[0].Hold(w.ID)()
	s.servers[0].storing()
	s.mu.Lock()
	s.holder["c1"] = nil
	s.mu.Unlock()
	released := make(chan struct{})
	go func() {
		defer close(released)
		s.servers[0].Releasing(t.Context(), "c1")
	}()
	require.Never(t, func() bool {
		select {
		case <-released:
			return true
		default:
			return false
		}
	}, 100*time.Millisecond, 10*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.servers[0].Releasing(ctx, "c1") // does not wait for longer than it may
	unblock()
	<-released
	s.give("c1", s.servers[1])
	require.Eventually(t, func() bool { return s.servers[1].watches(w) }, watcherPatience, time.Millisecond)
	require.Len(t, s.noted("stores cm"), 1, "it was stored while the cluster was held")
}

// The holder of no cluster writes that a cluster is gone, whoever has readers.
func TestRemovedCluster(t *testing.T) {
	t.Parallel()
	s := newSeveral(t, 3)
	w := s.draw(drawn("cm", "configmap", nil))
	s.api.Set("configmaps", s.object(w, "cm"))
	s.give("c1", s.servers[0])
	s.give(NoCluster, s.servers[2])
	for _, p := range s.servers[:2] {
		defer p.Hold(w.ID)()
	}
	s.becomes(w, "cm", "created")
	s.mu.Lock()
	s.removed = true
	s.mu.Unlock()
	for _, p := range s.servers {
		p.AccessChanged()
	}
	s.becomes(w, "cm", "pending")
	require.Equal(t, "AccessLost", s.statusOf(w, "cm")["reason"])
	require.Eventually(t, func() bool { return len(s.api.Watching()) == 0 }, watcherPatience, time.Millisecond)
	require.Len(t, s.noted("stores cm pending"), 1)

	s.mu.Lock()
	s.removed = false
	s.mu.Unlock()
	for _, p := range s.servers {
		p.AccessChanged()
	}
	s.becomes(w, "cm", "created")
	require.True(t, s.servers[0].watches(w))
}

func TestOnlyServerOfADatabaseSharesNothing(t *testing.T) {
	t.Parallel()
	s := newSeveral(t, 1)
	only := s.servers[0]
	only.alone, only.believe = true, map[string]int64{"c1": 0}
	w := s.draw(drawn("cm", "configmap", nil))
	s.api.Set("configmaps", s.object(w, "cm"))
	release := only.Hold(w.ID)
	s.becomes(w, "cm", "created")
	release()
	got, err := s.workflows.ByID(t.Context(), w.ID)
	require.NoError(t, err)
	require.True(t, got.WatchFence.IsZero())
	ids, err := s.wishes.WantedIn(t.Context(), "c1")
	require.NoError(t, err)
	require.Empty(t, ids)
	require.Empty(t, s.noted("resyncs"))

	only.alone = false
	only.PeersChanged()
	require.Eventually(t, func() bool {
		ids, err := s.wishes.WantedIn(t.Context(), "c1")
		return err == nil && len(ids) == 1
	}, watcherPatience, time.Millisecond, "a server that joins finds what is wanted")
}
