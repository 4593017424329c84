package app

import (
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/stream"
)

// runEvents publishes what runs find of nodes. The server that watches the cluster
// may be another one, and store and publish a newer status of the same node before
// an event of this one gets there. So the readers are told to read what is stored,
// unless all of them are here.
type runEvents struct {
	*stream.Broadcaster

	others peers
}

// Publish publishes an event of a run.
func (e runEvents) Publish(key, event string, data any) error {
	if event != models.EventNodeUpdate || e.others.Alone() {
		return e.Broadcaster.Publish(key, event, data)
	}
	e.others.relay.Resync(key)
	return nil
}
