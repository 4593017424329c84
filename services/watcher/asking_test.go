package watcher

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/watch/watchtest"
	"github.com/kubeorch/core/repositories"
)

// hanging is a cluster that does not tell its kinds.
type hanging struct {
	*watchtest.API

	asked chan struct{}
	over  chan struct{}
}

func (h *hanging) Mapping(context.Context, schema.GroupVersionKind) (*meta.RESTMapping, error) {
	h.asked <- struct{}{}
	<-h.over
	return nil, errors.New("no answer")
}

// Many workflows wait for clusters that hang; one of another cluster does not wait
// for them.
func TestHangingClustersLeaveWorkersForOthers(t *testing.T) {
	t.Parallel()
	const workflowsEach = 10
	s := &several{t: t, workflows: repositories.NewWorkflows(dbtest.Open(t).Database()), api: watchtest.New(t)}
	p := &peer{Workflows: s.workflows, all: s, name: "1"}
	clusters := map[string]watchedCluster{"c1": s.api}
	over := make(chan struct{})
	hung := []*hanging{{s.api, make(chan struct{}, 100), over}, {s.api, make(chan struct{}, 100), over}}
	clusters["h0"], clusters["h1"] = hung[0], hung[1]
	p.Manager = NewManager(Deps{
		Workflows: p, Events: p, Log: slog.New(slog.DiscardHandler),
		Connect: func(_ context.Context, w models.Workflow, _ string) (watchedCluster, error) {
			return clusters[w.ClusterID], nil
		},
	})
	p.Start(t.Context())
	defer func() { close(over); require.NoError(t, p.Stop(t.Context())) }()
	for range workflowsEach {
		for _, cluster := range []string{"h0", "h1"} {
			w := s.drawIn(cluster, drawn("db", "plugin", nil))
			owned := []models.OwnedObject{{Cluster: cluster, APIVersion: "example.com/v1", Kind: "Database", Namespace: "shop", Name: "db"}}
			require.NoError(t, s.workflows.SetInventory(t.Context(), w.ID, owned))
			defer p.Hold(w.ID)()
		}
	}
	for _, h := range hung {
		for range askingWorkers {
			<-h.asked
		}
	}
	w := s.draw(drawn("cm", "configmap", nil))
	s.api.Set("configmaps", s.object(w, "cm"))
	defer p.Hold(w.ID)()
	s.becomes(w, "cm", "created")
}
