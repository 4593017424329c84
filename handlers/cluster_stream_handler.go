package handlers

import (
	"context"
	"log/slog"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// clusterStates reads the states of the clusters that a user may see.
type clusterStates interface {
	States(ctx context.Context, userID string) (models.ClusterStates, error)
}

// ClusterStream serves the live states of clusters.
type ClusterStream struct {
	clusters  clusterStates
	subscribe Subscribe
	log       *slog.Logger
}

// NewClusterStream returns a handler that reads the states from c and their
// changes from the streams of subscribe. Panics of a stream are logged to log.
func NewClusterStream(c clusterStates, subscribe Subscribe, log *slog.Logger) *ClusterStream {
	return &ClusterStream{clusters: c, subscribe: subscribe, log: log}
}

// Stream answers GET /clusters/stream: the states of all clusters that the
// caller may see, then each change until the reader leaves. When events were
// lost, all states are sent again.
func (h *ClusterStream) Stream(c *gin.Context) error {
	user := caller(c).UserID
	sub, err := h.subscribe(models.ClustersStream(user), c.GetHeader("Last-Event-ID"))
	if err != nil {
		return err
	}
	states, err := h.clusters.States(c.Request.Context(), user)
	if err != nil {
		sub.Close()
		return err
	}
	s := openStream(c, h.log)
	_ = s.event(sub.Position(), models.EventMetadata, states) // a reader that has left fails the next send, too
	s.serve(c.Request.Context(), func(ctx context.Context) {
		defer sub.Close()
		s.follow(ctx, sub, func(ctx context.Context) error {
			states, err := h.clusters.States(ctx, user)
			if err != nil {
				return err
			}
			return s.event(sub.Position(), models.EventMetadata, states)
		})
	})
	return nil
}
