package run

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// member is Bob's grant in the rig's cluster.
func member(namespaces ...string) models.ClusterGrant {
	c := models.Cluster{ID: "c1", OwnerID: bob, Name: "dev"}
	return models.ClusterGrant{Cluster: c, UserID: ann, Role: models.ClusterEditor, Namespaces: namespaces}
}

func TestRunOutsideItsNamespacesNamesEveryNode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.access = func() (models.ClusterGrant, error) { return member("shop"), nil }
	w := r.draw("conf:configmap web:deployment")
	_, err := r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{})
	refused := &models.Error{}
	require.ErrorAs(t, err, &refused)
	require.Equal(t, models.Forbidden, refused.Kind)
	require.Len(t, refused.Problems, 2)
	for i, id := range []string{"conf", "web"} {
		require.Equal(t, id, refused.Problems[i].Node)
		require.Equal(t, "namespace", refused.Problems[i].Field)
		require.Contains(t, refused.Problems[i].Message, `"default"`)
	}
	require.Empty(t, r.cluster.names())
	runs, err := r.runs.List(t.Context(), w.ID, 10)
	require.NoError(t, err)
	require.Empty(t, runs)

	r.access = func() (models.ClusterGrant, error) { return member("default"), nil }
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
}

// The pods of a namespace share have bounds; all faults are told before anything is
// written, with node and field.
func TestRunOfPodsThatTheShareDoesNotPermit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bounds := models.PodBounds{}
	r.access = func() (models.ClusterGrant, error) {
		g := member("default")
		g.Pods = bounds
		return g, nil
	}
	w := r.draw("web:deployment agent:daemonset")
	for i, n := range w.Nodes {
		switch n.Type {
		case "deployment":
			w.Nodes[i].Data["serviceAccountName"] = "admin"
		case "daemonset":
			w.Nodes[i].Data["hostPID"] = true
		}
	}
	_, err := r.workflows.Update(t.Context(), ann, w.ID, models.WorkflowPatch{Nodes: &w.Nodes}, models.Now())
	require.NoError(t, err)
	_, err = r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{})
	refused := &models.Error{}
	require.ErrorAs(t, err, &refused)
	require.Equal(t, models.Forbidden, refused.Kind)
	got := map[string]string{}
	for _, p := range refused.Problems {
		got[p.Node] = p.Field
	}
	require.Equal(t, map[string]string{"web": "spec.template.spec.serviceAccountName", "agent": "spec.template.spec"}, got)
	require.Empty(t, r.cluster.names())

	bounds = models.PodBounds{PodSecurity: models.PodPrivileged, ServiceAccounts: []string{"admin"}}
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
}

// Another process ended the share, so nobody told this one.
func TestShareThatEndedElsewhereEndsTheRun(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		then func() (models.ClusterGrant, error)
		want string
		runs bool
	}{
		"revoked": {
			then: func() (models.ClusterGrant, error) { return models.ClusterGrant{}, noClusterHere() },
			want: string(endAccess),
		},
		"a viewer's now": {
			then: func() (models.ClusterGrant, error) {
				return models.ClusterGrant{}, &models.Error{Kind: models.Forbidden}
			},
			want: string(endAccess),
		},
		"of other pods": {then: func() (models.ClusterGrant, error) {
			g := member("default")
			g.Pods.PodSecurity = models.PodRestricted
			return g, nil
		}, want: string(endNarrowed)},
		"of other namespaces": {then: func() (models.ClusterGrant, error) { return member("default", "more"), nil }, want: string(endNarrowed)},
		"unknown for a moment": {
			then: func() (models.ClusterGrant, error) {
				return models.ClusterGrant{}, &models.Error{Kind: models.Unavailable}
			},
			runs: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.exec.accessTTL = 0
			var ended atomic.Bool
			r.access = func() (models.ClusterGrant, error) {
				if ended.Load() {
					return tc.then()
				}
				return member("default"), nil
			}
			r.cluster.apply = func(ctx context.Context, object string) error {
				if object == "conf" {
					ended.Store(true)
				}
				return ctx.Err()
			}
			w := r.draw("conf:configmap web:deployment conf>web")
			run := r.mustRun(w.ID, models.TriggerData{})
			if tc.runs {
				require.Equal(t, models.RunCompleted, run.Status, run.Error)
				return
			}
			require.Equal(t, models.RunFailed, run.Status)
			require.Equal(t, tc.want, run.Error)
			require.Equal(t, models.NodeCompleted, run.NodeStates["conf"].Status)
			require.Equal(t, models.NodeSkipped, run.NodeStates["web"].Status)
			require.Equal(t, tc.want, run.NodeStates["web"].Message)
			require.Equal(t, "ConfigMap conf", r.cluster.names())
		})
	}
}

// The process that is told ends the run in the middle of a wave.
func TestShareThatEndsEndsTheRunAtOnce(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{"of the cluster": "c1", "of any cluster": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			var ended atomic.Bool
			r.access = func() (models.ClusterGrant, error) {
				if ended.Load() {
					return models.ClusterGrant{}, noClusterHere()
				}
				return member(), nil
			}
			var tell func()
			r.cluster.apply = func(ctx context.Context, _ string) error {
				tell()
				return ctx.Err()
			}
			w := r.draw("web:deployment")
			tell = func() {
				ended.Store(true)
				r.exec.AccessChanged(t.Context(), "another")
				r.exec.AccessChanged(t.Context(), id)
			}
			run := r.mustRun(w.ID, models.TriggerData{})
			require.Equal(t, string(endAccess), run.Error)
			require.Empty(t, r.cluster.names())
		})
	}
}

// A run that is taken over asks again, before it writes anything.
func TestRecoveryAsksForAccessAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("conf:configmap")
	r.access = func() (models.ClusterGrant, error) { return member(), nil }
	begun := make(chan struct{})
	r.cluster.apply = func(ctx context.Context, _ string) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}
	go func() { _, _ = r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{}) }()
	<-begun
	stopped, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, r.exec.Stop(stopped))
	run := r.running(w.ID)
	require.Equal(t, "c1", run.ClusterRef)

	r.cluster.apply = nil
	r.access = func() (models.ClusterGrant, error) {
		return models.ClusterGrant{}, &models.Error{Kind: models.Forbidden, Msg: "gone"}
	}
	r.servers.end(r.exec)
	second := r.executor(r.runs)
	require.NoError(t, NewRecovery(second, r.runs, r.workflows).once(t.Context()))
	got := r.eventually(w.ID, run.ID)
	require.Equal(t, models.RunFailed, got.Status)
	require.Equal(t, "gone", got.Error)
	require.Empty(t, r.cluster.names())
}

// Who may not look into a cluster any more is told by the statuses, once, and
// hears the truth again when they may.
