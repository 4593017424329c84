package watcher

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
)

// readWishes watches what other servers want of a cluster that this one holds.
func (m *Manager) readWishes(clusterID string) {
	if _, held := m.deps.Sharing.Placement.Holds(clusterID); !held {
		return
	}
	ctx, cancel := context.WithTimeout(m.ctx, watchAttempt)
	defer cancel()
	ids, err := m.deps.Sharing.Wishes.WantedIn(ctx, clusterID)
	if err != nil && m.ctx.Err() == nil {
		m.deps.Log.Warn("what other servers want to be watched could not be read", "cluster", clusterID, "err", err)
		m.queue.Add(gainedPrefix+clusterID, watchRetry)
	}
	for _, id := range ids {
		m.want(id)
	}
}

// announce stores what this server wants and tells the holder of the cluster. An
// interest that is another server's alone is forgotten where the cluster is not held.
func (m *Manager) announce(ctx context.Context, id string, in *interest, held bool) error {
	if m.deps.Sharing == nil {
		return nil
	}
	m.mu.Lock()
	wish := models.WatchWish{WorkflowID: id, ClusterID: in.cluster, Until: time.Now().Add(m.keep)}
	due := in.wish.ClusterID != in.cluster || time.Until(in.wish.Until) <= m.keep/2
	local := in.isLocal(m.keep)
	if !local && !held && !in.stale {
		delete(m.interest, id)
	}
	m.mu.Unlock()
	if !local || m.deps.Sharing.Peers.Alone() {
		return nil
	}
	if due {
		if err := m.deps.Sharing.Wishes.Want(ctx, wish); err != nil {
			return err
		}
		m.mu.Lock()
		in.wish = wish
		m.mu.Unlock()
	}
	if !held {
		m.deps.Sharing.Peers.Send(MessageWatch, id, []byte(wish.ClusterID))
	}
	return nil
}

// refreshLater has a workflow read again after a while, which announces it again if
// it is wanted here. A workflow without a cluster may get one at any time.
func (m *Manager) refreshLater(id string, in *interest) {
	if m.deps.Sharing == nil {
		return
	}
	alone := m.deps.Sharing.Peers.Alone()
	m.mu.Lock()
	defer m.mu.Unlock()
	in.refresh = time.Time{}
	if alone {
		return
	}
	pause := m.keep / 2
	if in.cluster == NoCluster {
		pause = min(pause, watchRetryMax)
	}
	in.refresh = time.Now().Add(pause)
	m.queue.Add(id, pause)
}
