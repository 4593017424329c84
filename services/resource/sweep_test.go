package resource

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// What removed clusters leave goes after they have been gone for one round.
func TestSweeperRemovesWhatIsLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.api.Set("deployments", deployment("web", "u1", 3))
	stop := r.start()
	web := idOf("apps", "Deployment", "shop", "web")
	r.eventually(web, "the Deployment", status(models.ResourceRunning))
	favorite := true
	require.NoError(t, r.service.Mark(t.Context(), "ann", web, models.ResourceMarkInput{Favorite: &favorite}))
	stop()
	ids := clusterList{"c1"}
	s := &Sweeper{Clusters: &ids, Times: r.times, Records: r.records, Marks: r.marks}
	gone, err := s.sweep(t.Context(), []string{"c1"})
	require.NoError(t, err)
	require.Empty(t, gone)
	ids = nil
	gone, err = s.sweep(t.Context(), gone)
	require.NoError(t, err)
	require.Equal(t, []string{"c1"}, gone)
	_, err = r.records.ByID(t.Context(), web)
	require.NoError(t, err, "its holder may still be writing")
	gone, err = s.sweep(t.Context(), gone)
	require.NoError(t, err)
	_, err = r.records.ByID(t.Context(), web)
	require.Equal(t, models.NotFound, models.KindOf(err))
	n, err := r.marks.Count(t.Context(), "ann")
	require.NoError(t, err)
	require.Zero(t, n)
	gone, err = s.sweep(t.Context(), gone)
	require.NoError(t, err)
	require.Empty(t, gone)
}

type clusterList []string

// IDs implements clusterIDsOf.
func (l *clusterList) IDs(context.Context) ([]string, error) { return *l, nil }
