package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/services/stream"
)

// A page that is open learns of a cluster's death and return from the monitor
// alone.
func TestMonitorTellsOpenPages(t *testing.T) {
	t.Parallel()
	r, server, events := newClusterRig(t), newStub(t), stream.NewBroadcaster()
	t.Cleanup(events.Close)
	states := NewEvents(events, nil, slog.New(slog.DiscardHandler))
	r.deps.Listeners = Listeners{states}
	r.put(t, "prod", server.URL)
	sub, err := events.Subscribe(models.ClustersStream(ann), "")
	require.NoError(t, err)
	t.Cleanup(sub.Close)

	opts := DefaultMonitorOptions()
	opts.Every, opts.Flush = 200*time.Millisecond, 20*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	monitor := NewHealthMonitor(MonitorDeps{
		Clusters: r.store, Checker: r.Service, Log: slog.New(slog.DiscardHandler),
	}, opts)
	go func() { done <- monitor.Run(ctx) }()

	var all []string
	await := func(status string) {
		t.Helper()
		kubetest.Eventually(t, "the page being told "+status, func(context.Context) error {
			frames, _ := sub.Take(nil)
			for _, f := range frames {
				all = append(all, string(f))
			}
			if n := len(all); n == 0 || !strings.Contains(all[n-1], `"status":"`+status+`"`) {
				return fmt.Errorf("events are %q", all)
			}
			return nil
		})
	}
	await(models.ClusterConnected)
	server.status.Store(http.StatusUnauthorized)
	await(models.ClusterError)
	server.status.Store(0)
	await(models.ClusterConnected)
	seen := server.checks.Load()
	kubetest.Eventually(t, "further rounds", func(context.Context) error {
		if server.checks.Load() < seen+3 {
			return fmt.Errorf("%d checks", server.checks.Load()-seen)
		}
		return nil
	})
	cancel()
	require.NoError(t, <-done)
	frames, lost := sub.Take(nil)
	require.False(t, lost)
	require.Empty(t, frames, "the state is as it was")
	require.Len(t, all, 3)
	require.NotContains(t, strings.Join(all, ""), clusterToken)
}
