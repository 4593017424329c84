package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// lines joins a server to another one, unless they are cut.
type lines struct {
	mu   sync.Mutex
	cut  bool
	hear func(key string, data []byte)
	sent []string
}

// Send implements peers.
func (l *lines) Send(topic, key string, data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, fmt.Sprintf("%s %s %s", topic, key, data))
	if l.hear != nil && !l.cut {
		l.hear(key, data)
	}
}

// startAccess runs what another server on the database of r has.
func (r *clusterRig) startAccess() *Access {
	r.t.Helper()
	there := NewAccess(AccessDeps{Clusters: r.store, Shares: r.with.Access.shares, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- there.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		require.NoError(r.t, <-done)
	})
	return there
}

func ended(done <-chan struct{}) func() bool {
	return func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

// The second server has a connection. The first one changes the credentials and
// then removes the cluster.
func TestConnectionsFollowWhatAnotherServerChanges(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]bool{"by its messages": false, "by a look, when the messages were lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newClusterRig(t)
			access := r.startAccess()
			r.with.Access.changes.peers = &lines{hear: access.Hear, cut: lost}
			r.with.Access = access
			there := r.withKey("key")
			heard := func() {
				if lost {
					access.Recheck()
				}
			}
			for _, name := range []string{"a", "b"} {
				_, err := r.Add(t.Context(), ann, tokenCluster(name, apiServer(t), clusterToken))
				require.NoError(t, err)
			}
			connect := func(name string) *kubernetes.Connection {
				conn, err := there.Connection(t.Context(), ann, name)
				require.NoError(t, err)
				return conn
			}
			first, other := connect("a"), connect("b")
			_, err := r.Update(t.Context(), ann, "a", models.ClusterPatch{
				Credentials: &models.ClusterCredentials{Token: "another-token", Insecure: true},
			})
			require.NoError(t, err)
			heard()
			require.Eventually(t, ended(first.Done()), 10*time.Second, time.Millisecond)
			second := connect("a")
			require.Equal(t, kubernetes.Unauthorized, kubernetes.ReasonOf(second.Test(t.Context())), "with the new credentials")
			_, err = r.Delete(t.Context(), ann, "a")
			require.NoError(t, err)
			heard()
			require.Eventually(t, ended(second.Done()), 10*time.Second, time.Millisecond)
			require.False(t, ended(other.Done())())
		})
	}
}

func TestSharesAreToldToOtherServers(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	c := s.cluster(ann, "prod")
	s.share(c, bob, models.ClusterEditor)
	wire := &lines{}
	s.rules.changes.peers = wire
	_, err := s.Share(t.Context(), ann, "prod", models.ClusterShareInput{TargetUserID: bob, Role: models.ClusterViewer, Namespaces: []string{"x"}})
	require.NoError(t, err)
	require.NoError(t, s.Revoke(t.Context(), ann, "prod", bob))
	require.Equal(t, []string{"access " + c.ID + " ", "access " + c.ID + " "}, wire.sent)
}

func TestHeardChangesArePassedOn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hear func(a *Access)
		want []string
	}{
		"each once":          {func(a *Access) { a.Hear("a", nil); a.Hear("b", nil); a.Hear("a", nil) }, []string{"a", "b"}},
		"any stands for all": {func(a *Access) { a.Hear("a", nil); a.Recheck(); a.Hear("b", nil) }, []string{AnyCluster}},
		"so many that one look at all is shorter": {func(a *Access) {
			for i := range 3 * maxHeard {
				a.Hear(fmt.Sprint(i), nil)
			}
		}, []string{AnyCluster}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := NewAccess(AccessDeps{Log: slog.New(slog.DiscardHandler)})
			passed := make(chan string, 3*maxHeard)
			a.OnChange(func(context.Context, string) { panic("one that fails") })
			a.OnChange(func(_ context.Context, id string) { passed <- id })
			tc.hear(a) // before Run, which does not hold it up
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- a.Run(ctx) }()
			var got []string
			for range tc.want {
				got = append(got, <-passed)
			}
			cancel()
			require.NoError(t, <-done)
			require.ElementsMatch(t, tc.want, got)
			require.Empty(t, passed)
		})
	}
}
