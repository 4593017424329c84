package watcher

import (
	"cmp"
	"context"

	"github.com/kubeorch/core/models"
)

// NoCluster is held like the id of a cluster. Its holder keeps the statuses of the
// workflows whose cluster was removed.
const NoCluster = "none"

// MessageWatch is the topic of messages that ask the holder of a cluster to watch a
// workflow. Their key is the id of the workflow, their data that of the cluster.
const MessageWatch = "watch"

// gainedPrefix marks ids of clusters in the queue of workflows.
const gainedPrefix = "gained:"

// placement tells which clusters this server holds.
type placement interface {
	// Holds reports whether this server holds a cluster at this moment. Who holds it
	// later has a greater fence; 0 says that there is no other server.
	Holds(clusterID string) (fence int64, held bool)
	// Nudge has it found out again. It does not block.
	Nudge()
}

// peers are the other servers with the same database.
type peers interface {
	Alone() bool
	Send(topic, key string, data []byte)
}

// wishes keep which workflows are to be watched while no server holds their cluster.
type wishes interface {
	Want(ctx context.Context, w models.WatchWish) error
	WantedIn(ctx context.Context, clusterID string) (workflowIDs []string, err error)
}

// Sharing is how servers with one database share the watching. One server at a time
// holds a cluster, and watches the workflows there for the readers of all. Each
// server stores what it wants to be watched, and sends a message to the holder.
type Sharing struct {
	Placement placement
	Peers     peers
	Wishes    wishes
	// ClusterOf returns the id of the cluster in which a workflow has its objects,
	// or "" when that was removed.
	ClusterOf func(ctx context.Context, w models.Workflow) (string, error)
	// Resync has all readers of a stream read the present state again.
	Resync func(streamKey string)
}

// Wanted has the objects of a workflow watched for some minutes if this server
// holds its cluster. The handler of MessageWatch calls it.
func (m *Manager) Wanted(workflowID, clusterID string) {
	if _, held := m.deps.Sharing.Placement.Holds(clusterID); held {
		m.want(workflowID)
	}
}

// PeersChanged tells the holders of clusters again what this server wants. It is
// called when servers have joined or left, or may have missed messages.
func (m *Manager) PeersChanged() { m.AccessChanged() }

// Gained has the workflows of a cluster watched that this server holds from now on.
func (m *Manager) Gained(clusterID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.interest == nil { // stopped
		return
	}
	m.refreshIn(clusterID)
	m.queue.Add(gainedPrefix+clusterID, 0)
}

// Releasing ends the watches of a cluster that another server is to hold. This one
// does not hold it any more. When Releasing returns, no status of the cluster is being
// stored or published here, unless ctx has ended.
func (m *Manager) Releasing(ctx context.Context, clusterID string) {
	m.mu.Lock()
	var ending []*sharedWatcher
	for key, w := range m.watchers {
		if key.by.ClusterID == clusterID {
			ending = append(ending, w)
			delete(m.watchers, key)
		}
	}
	m.refreshIn(clusterID)
	m.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.losing.Lock()   // waits for what is being stored
		m.losing.Unlock() //nolint:staticcheck // nothing is to be done
		for _, w := range ending {
			w.stop()
		}
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// place finds out whether this server watches wf. If it does, place sees to it that
// statuses of servers before it are not stored any more, and returns wf as it is
// then, and the fence for its statuses.
func (m *Manager) place(
	ctx context.Context, wf models.Workflow, in *interest,
) (now models.Workflow, by models.WatchFence, held bool, err error) {
	if m.deps.Sharing == nil {
		return wf, by, true, nil
	}
	cluster, err := m.deps.Sharing.ClusterOf(ctx, wf)
	if err != nil {
		return wf, by, false, err
	}
	cluster = cmp.Or(cluster, NoCluster)
	m.mu.Lock()
	in.cluster = cluster
	m.mu.Unlock()
	fence, held := m.deps.Sharing.Placement.Holds(cluster)
	if !held || fence == 0 {
		return wf, by, held, nil
	}
	by = models.WatchFence{ClusterID: cluster, Fence: fence}
	if wf.WatchFence == by {
		return wf, by, true, nil
	}
	now, err = m.deps.Workflows.RaiseWatchFence(ctx, wf.ID, by)
	if models.KindOf(err) == models.Conflict {
		m.deps.Sharing.Placement.Nudge()
	}
	if err == nil && !wf.WatchFence.IsZero() {
		// The server before may have stored a status that it did not publish.
		m.deps.Sharing.Resync(models.WorkflowStream(wf.ID))
	}
	return now, by, err == nil, err
}

// stillHolds reports whether statuses under a fence are this server's to store.
func (m *Manager) stillHolds(by models.WatchFence) bool {
	if by.IsZero() {
		return true
	}
	fence, held := m.deps.Sharing.Placement.Holds(by.ClusterID)
	return held && fence == by.Fence
}

// WhileHeld calls store, which stores and publishes what this server has found of the
// objects of a workflow. It is a Conflict when another server watches their cluster by
// now; one that is to watch it begins when store has returned.
func (m *Manager) WhileHeld(by models.WatchFence, store func() error) error {
	m.losing.RLock()
	defer m.losing.RUnlock()
	if !m.stillHolds(by) {
		return errLost()
	}
	return store()
}

// lost reads a workflow again, of which another server stores the statuses.
func (m *Manager) lost(workflowID string) {
	m.deps.Sharing.Placement.Nudge()
	m.mu.Lock()
	defer m.mu.Unlock()
	if in := m.interest[workflowID]; in != nil {
		in.stale = true
		m.queue.Add(workflowID, 0)
	}
}
