package watcher

import (
	"github.com/kubeorch/core/models"
)

// sharedWatcher is a watcher and the number of workflows it tracks.
type sharedWatcher struct {
	*resourceWatcher
	key   watcherKey
	users int
}

// watcherKey is what the workflows of a watcher have in common: the connection, and
// the fence under which their statuses are stored.
type watcherKey struct {
	conn watchedCluster
	by   models.WatchFence
}

func (m *Manager) sink(by models.WatchFence) statusSink {
	return statusSink{m.deps.Workflows, m.deps.Events, m.deps.Log, by, m.stillHolds, m.lost}
}

// moveTo attaches a workflow to the watcher of key. The queue hands a workflow to
// one worker at a time, which alone reads and writes in.by. It stays nil if this
// server has stopped or gives the cluster up.
func (m *Manager) moveTo(key watcherKey, id string, in *interest) {
	if in.by != nil && in.by.key == key {
		return
	}
	m.detach(id, in)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.watchers == nil || !m.stillHolds(key.by) {
		return
	}
	w := m.watchers[key]
	if w == nil {
		w = &sharedWatcher{resourceWatcher: newResourceWatcher(m.ctx, key.conn, m.sink(key.by), m.deps.Drifts), key: key}
		m.watchers[key] = w
		w.running.Go(func() { m.follow(w) })
	}
	w.users++
	in.by = w
}

// detach ends the watch of a workflow, and its watcher with the last workflow.
func (m *Manager) detach(id string, in *interest) {
	w := in.by
	if w == nil {
		return
	}
	in.by = nil
	w.untrack(id)
	m.mu.Lock()
	w.users--
	unused := w.users == 0 && m.watchers[w.key] == w
	if unused {
		delete(m.watchers, w.key)
	}
	m.mu.Unlock()
	if unused {
		w.stop()
	}
}

// follow moves the workflows of w to the new connection when the connection of w
// has been replaced, for instance because the credentials changed.
func (m *Manager) follow(w *sharedWatcher) {
	select {
	case <-w.ctx.Done():
		return
	case <-w.key.conn.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refreshAll()
}
