package cluster

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// published are events in the order of publishing.
type published []string

func (l *published) Publish(key, event string, data any) error {
	switch d := data.(type) {
	case models.ClusterState:
		*l = append(*l, key+" "+event+" "+d.Cluster+" "+d.Status)
	case models.ClusterRemoved:
		*l = append(*l, key+" "+event+" "+d.Cluster)
	}
	return nil
}

func (l *published) take() (all []string) {
	all, *l = *l, nil
	return all
}

func TestClusterEventsReachThoseWhoSeeTheCluster(t *testing.T) {
	t.Parallel()
	var events published
	sharers := func(_ context.Context, id string) ([]string, error) {
		if id == "c1" {
			return []string{"bob"}, nil
		}
		return nil, errors.New("no")
	}
	e := NewEvents(&events, sharers, slog.New(slog.DiscardHandler))
	at := time.Now()
	c1 := models.Cluster{ID: "c1", Name: "one", OwnerID: "ann", Status: models.ClusterConnected, LastCheck: &at}
	c2 := models.Cluster{ID: "c2", Name: "two", OwnerID: "ann", Status: models.ClusterConnected}

	e.Observe(t.Context(), []models.Cluster{c1, c2})
	require.Empty(t, events.take(), "there was nothing before")

	later := at.Add(time.Second)
	dead := c1
	dead.Status, dead.LastError, dead.LastCheck = models.ClusterDisconnected, "gone", &later
	e.Changed(t.Context(), dead)
	require.Equal(t, []string{"clusters:ann cluster_update one disconnected", "clusters:bob cluster_update one disconnected"}, events.take())
	e.Observe(t.Context(), []models.Cluster{c1, c2})
	require.Empty(t, events.take(), "it was read before the change")
	e.Observe(t.Context(), []models.Cluster{dead, c2})
	require.Empty(t, events.take(), "it was told")

	c2.Status = models.ClusterError
	c3 := models.Cluster{ID: "c3", Name: "three", OwnerID: "ann", Status: models.ClusterUnknown}
	e.Observe(t.Context(), []models.Cluster{c2, c3})
	require.Equal(t, []string{
		"clusters:ann cluster_update two error", "clusters:ann cluster_update three unknown",
		"clusters:ann cluster_removed one", "clusters:bob cluster_removed one",
	}, events.take(), "what other servers found out and did")

	e.Removed(t.Context(), c3)
	e.Appeared(t.Context(), "bob", c2)
	e.Vanished(t.Context(), "bob", c2)
	require.Equal(t, []string{
		"clusters:ann cluster_removed three", "clusters:bob cluster_update two error", "clusters:bob cluster_removed two",
	}, events.take())
	e.Observe(t.Context(), []models.Cluster{c2})
	require.Empty(t, events.take())
}
