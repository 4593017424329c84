package watcher

import (
	"time"

	"github.com/kubeorch/core/models"
)

// interest is why and how a workflow is watched.
type interest struct {
	holds    int              // readers now
	last     time.Time        // when the last of them left, the last run ended, or somebody looked
	wanted   time.Time        // when another server asked for it
	stale    bool             // the workflow must be read again
	refresh  time.Time        // when it must be read again in any case; zero: never
	failures int              // in a row
	cluster  string           // id of its cluster; empty without Sharing
	wish     models.WatchWish // that was stored last
	by       *sharedWatcher   // nil while it is not watched
}

// isLocal reports whether there are readers here, or a run here ended or somebody
// looked less than keep ago.
func (in *interest) isLocal(keep time.Duration) bool {
	return in.holds > 0 || time.Since(in.last) < keep
}

// idle returns how long the workflow stays watched without readers.
func (in *interest) idle(keep time.Duration) time.Duration {
	return keep - min(time.Since(in.last), time.Since(in.wanted))
}

// refreshAll reads all watched workflows again. The caller holds m.mu.
func (m *Manager) refreshAll() {
	for id, in := range m.interest {
		in.stale = true
		m.queue.Add(id, 0)
	}
}

func (m *Manager) mark(id string, holds int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.interest == nil { // stopped
		return
	}
	in := m.interest[id]
	if in == nil {
		in = &interest{}
		m.interest[id] = in
	}
	in.holds += holds
	in.last = time.Now()
	if holds >= 0 {
		in.stale, in.failures = true, 0
	}
	m.queue.Add(id, 0)
}

// want notes that another server wants a workflow to be watched.
func (m *Manager) want(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.interest == nil { // stopped
		return
	}
	in := m.interest[id]
	if in == nil {
		in = &interest{}
		m.interest[id] = in
	}
	in.wanted = time.Now()
	in.stale, in.failures = true, 0
	m.queue.Add(id, 0)
}

// refreshIn reads the workflows of a cluster again. The caller holds m.mu.
func (m *Manager) refreshIn(clusterID string) {
	for id, in := range m.interest {
		if in.cluster == clusterID {
			in.stale, in.failures = true, 0
			m.queue.Add(id, 0)
		}
	}
}
