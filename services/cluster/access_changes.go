package cluster

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/kubeorch/core/pkg/panics"
)

const (
	// AccessTopic is the topic of the messages that Access sends and Hear takes.
	AccessTopic = "access"

	// AnyCluster stands for the id of a cluster where each may have changed.
	AnyCluster = ""

	// maxHeard is how many changed clusters are remembered one by one.
	maxHeard = 1000
)

// peers are the other servers on the database.
type peers interface {
	// Send tells the others something, if there are any. It does not block. A
	// message may be lost while the database is away.
	Send(topic, key string, data []byte)
}

// noPeers stands for the others of a server that can have none.
type noPeers struct{}

// Send implements peers.
func (noPeers) Send(string, string, []byte) {}

// accessChanges passes on which clusters have changed.
type accessChanges struct {
	peers peers
	log   *slog.Logger

	mu    sync.Mutex
	calls []func(ctx context.Context, clusterID string)
	heard map[string]bool // ids that other servers sent and Run has not passed on
	wake  chan struct{}   // holds one place: there is something in heard
}

// OnChange registers f to be called whenever somebody may have lost access to a
// cluster, or its connection has changed: on the server where that happened before
// Changed returns, on the others from Run. The id may be AnyCluster. It is for
// parts that use an access over some time.
func (a *Access) OnChange(f func(ctx context.Context, clusterID string)) {
	a.changes.mu.Lock()
	defer a.changes.mu.Unlock()
	a.changes.calls = append(a.changes.calls, f)
}

// Changed calls the functions that OnChange registered, on all servers. What has
// changed is stored already.
func (a *Access) Changed(ctx context.Context, clusterID string) {
	a.changes.peers.Send(AccessTopic, clusterID, nil)
	for _, f := range a.changes.registered() {
		f(ctx, clusterID)
	}
}

// Hear takes the message of another server that the cluster with the id key has
// changed, and has Run pass it on. It does not block.
func (a *Access) Hear(key string, _ []byte) {
	c := &a.changes
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.heard[AnyCluster]:
	case key == AnyCluster || len(c.heard) >= maxHeard:
		c.heard = map[string]bool{AnyCluster: true}
	case c.heard == nil:
		c.heard = map[string]bool{key: true}
	default:
		c.heard[key] = true
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Recheck has Run pass on that each cluster may have changed, because messages of
// other servers may have been lost. It does not block.
func (a *Access) Recheck() { a.Hear(AnyCluster, nil) }

// Run passes on what other servers have changed, until ctx ends, and then returns
// nil.
func (a *Access) Run(ctx context.Context) error {
	c := &a.changes
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		}
		c.mu.Lock()
		heard := c.heard
		c.heard = nil
		c.mu.Unlock()
		for id := range heard {
			c.pass(ctx, id)
		}
	}
}

// pass calls the registered functions. A panic of one is logged and keeps none of
// the others from being called.
func (c *accessChanges) pass(ctx context.Context, clusterID string) {
	for _, f := range c.registered() {
		if err := panics.ToError(func() error { f(ctx, clusterID); return nil }); err != nil {
			c.log.ErrorContext(ctx, "a change of a cluster was not followed", "cluster", clusterID, "err", err)
		}
	}
}

func (c *accessChanges) registered() []func(context.Context, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}
