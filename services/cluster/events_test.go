package cluster

import (
	"context"
	"errors"
	"log/slog"
	"testing"

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
	c1 := models.Cluster{ID: "c1", Name: "one", OwnerID: "ann", Status: models.ClusterDisconnected, LastError: "gone"}
	c2 := models.Cluster{ID: "c2", Name: "two", OwnerID: "ann", Status: models.ClusterError}

	e.Changed(t.Context(), c1, "")
	require.Equal(t, []string{"clusters:ann cluster_update one disconnected", "clusters:bob cluster_update one disconnected"}, events.take())
	e.Changed(t.Context(), c2, "")
	require.Equal(t, []string{"clusters:ann cluster_update two error"}, events.take(), "sharers are not known at the moment")

	e.Removed(t.Context(), c1)
	e.Appeared(t.Context(), "bob", c2)
	e.Vanished(t.Context(), "bob", c2)
	require.Equal(t, []string{
		"clusters:ann cluster_removed one", "clusters:bob cluster_removed one", "clusters:bob cluster_update two error", "clusters:bob cluster_removed two",
	}, events.take())
}
