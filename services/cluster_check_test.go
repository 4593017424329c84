package services

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// A server that stops must not wait for clusters that hang, nor take that for
// their state.
func TestCheckHealthEndsWithItsContext(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 8)
	silent := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	silent.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	silent.StartTLS()
	t.Cleanup(silent.Close)

	r := newClusterRig(t)
	c, err := r.fresh(ann, tokenCluster("silent", silent.URL, clusterToken))
	require.NoError(t, err)
	c, err = r.store.Insert(t.Context(), c)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	require.ErrorIs(t, r.CheckHealth(ctx, c), context.Canceled)
	c, err = r.Get(t.Context(), ann, "silent")
	require.NoError(t, err)
	require.Equal(t, models.ClusterUnknown, c.Status)
	require.Nil(t, c.LastCheck)
}
