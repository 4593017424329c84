package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/stream"
)

// serveStreams is the server of measureStreams: the real broadcaster and the
// real handler on a real listener, with workflows that have no nodes.
func serveStreams(ctx context.Context) error {
	events := stream.NewBroadcaster()
	defer events.Close()
	h := handlers.NewStatusStream(emptyWorkflows{}, handlers.AsSubscribe(events.Subscribe), nothingWatched{}, slog.New(slog.DiscardHandler))
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.GET("/stream/:id", func(c *gin.Context) {
		if err := h.Stream(c); err != nil {
			c.AbortWithStatus(http.StatusInternalServerError)
		}
	})
	e.GET("/publish", func(c *gin.Context) {
		if err := publish(c.Request.Context(), events); err != nil {
			c.AbortWithStatus(http.StatusInternalServerError)
		}
	})
	return serve(ctx, e)
}

// publish has every stream send its events at an even pace and returns when
// all have been published.
func publish(ctx context.Context, events *stream.Broadcaster) error {
	failed := make(chan error, streams)
	var wg sync.WaitGroup
	for i := range streams {
		key := models.WorkflowStream(fmt.Sprintf("%024x", i))
		wg.Go(func() {
			tick := time.NewTicker(time.Second / eventsASecond)
			defer tick.Stop()
			for range eventsAStream {
				select {
				case <-tick.C:
				case <-ctx.Done():
					failed <- ctx.Err()
					return
				}
				status := map[string]any{"state": "partial", "sent": time.Now().UnixNano(), "replicas": 3, "readyReplicas": 1}
				if err := events.Publish(key, models.EventNodeUpdate, models.NodeUpdate{NodeID: "node-1", Type: "deployment", Status: status}); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	return <-failed
}

type emptyWorkflows struct{}

func (emptyWorkflows) Document(_ context.Context, _, id string) (models.WorkflowDocument, error) {
	return models.WorkflowDocument{Body: []byte(`{"id":"` + id + `","nodes":[],"edges":[]}`)}, nil
}

func (emptyWorkflows) Statuses(context.Context, string, string) (models.StatusSync, error) {
	return models.StatusesOf(nil), nil
}

type nothingWatched struct{}

func (nothingWatched) Hold(string) func() { return func() {} }
