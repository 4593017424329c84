package resource

import (
	"context"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

// The topics of messages between servers.
const (
	MessageSync = "resource-sync" // read a cluster again; the key is its id
	MessageWant = "resource-want" // publish the states of a resource; the key is its id
)

const (
	// wantFor is how long another server's wish is good for. It is sent again every
	// placeEvery.
	wantFor = 3 * placeEvery

	// maxWants bounds what is remembered of other servers.
	maxWants = 10_000
)

// peers are the other servers with the same database.
type peers interface {
	Send(topic, key string, data []byte)
}

// wants are the resources whose streams somebody reads, here or at another server.
// Only their states are published: busy clusters would fill the log that events of
// several servers go through.
type wants struct {
	peers peers

	mu    sync.Mutex
	held  map[string]int       // readers of this server
	heard map[string]time.Time // until when others want it
	fresh []string             // heard for the first time, and not answered yet
}

// Want implements what a Service asks of its syncer.
func (s *Syncer) Want(resourceID string) (release func()) {
	s.wants.mu.Lock()
	defer s.wants.mu.Unlock()
	s.wants.held[resourceID]++
	s.deps.Peers.Send(MessageWant, resourceID, nil)
	return func() {
		s.wants.mu.Lock()
		defer s.wants.mu.Unlock()
		if s.wants.held[resourceID]--; s.wants.held[resourceID] == 0 {
			delete(s.wants.held, resourceID)
		}
	}
}

// Wanted is the handler of MessageWant.
func (s *Syncer) Wanted(resourceID string) {
	s.wants.mu.Lock()
	defer s.wants.mu.Unlock()
	_, known := s.wants.heard[resourceID]
	if !models.ValidID(resourceID) || !known && len(s.wants.heard) >= maxWants {
		return
	}
	s.wants.heard[resourceID] = time.Now().Add(wantFor)
	if !known {
		s.wants.fresh = append(s.wants.fresh, resourceID)
		select {
		case s.wanted <- struct{}{}:
		default:
		}
	}
}

// answerWants publishes the present states of resources that another server wants from
// now on: they may have changed before its message came.
func (s *Syncer) answerWants(ctx context.Context) error {
	s.wants.mu.Lock()
	ids := s.wants.fresh
	s.wants.fresh = nil
	s.wants.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	list, err := s.deps.Store.ByIDs(ctx, ids)
	for _, r := range list {
		if _, held := s.deps.Placement.Holds(r.ClusterID); held {
			s.publish(ctx, r)
		}
	}
	return err
}

// publish tells the readers of a resource's stream its state.
func (s *Syncer) publish(ctx context.Context, r models.Resource) {
	update := models.ResourceUpdate{Status: models.ResourceStatus{State: r.Status, Message: r.Message}}
	if err := s.deps.Events.PublishBare(models.ResourceStream(r.ID), models.EventStatusUpdate, update); err != nil {
		s.deps.Log.ErrorContext(ctx, "a state could not be published", "resource", r.ID, "err", err)
	}
}

// isWanted reports whether somebody reads the stream of a resource.
func (w *wants) isWanted(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held[id] > 0 || time.Now().Before(w.heard[id])
}

// renew tells the others again what is read here, since they may have got the cluster
// lately, and forgets what they want no more.
func (w *wants) renew(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.held {
		w.peers.Send(MessageWant, id, nil)
	}
	for id, until := range w.heard {
		if now.After(until) {
			delete(w.heard, id)
		}
	}
}
