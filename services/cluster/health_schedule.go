package cluster

import (
	"context"
	"hash/maphash"
	"slices"
	"time"

	"github.com/kubeorch/core/models"
)

// Gained has a cluster tested that this server holds from now on. It does not
// block.
func (m *HealthMonitor) Gained(clusterID string) { m.note(clusterID) }

// Releasing leaves the tests of a cluster to another server, which then knows the time
// of the last one.
func (m *HealthMonitor) Releasing(ctx context.Context, clusterID string) {
	m.note(clusterID)
	if m.isUnwritten(clusterID) {
		m.flush(ctx)
	}
}

// isUnwritten reports whether the time of a cluster's last test is not stored yet.
func (m *HealthMonitor) isUnwritten(clusterID string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.checked, func(c models.ClusterChecked) bool { return c.ID == clusterID })
}

func (m *HealthMonitor) note(clusterID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.moved == nil {
		m.moved = map[string]bool{}
	}
	m.moved[clusterID] = true
}

// queueMoved queues the clusters that this server has got since the last call, for
// the time when the server before it would have tested them.
func (m *HealthMonitor) queueMoved(ctx context.Context, lanes monitorLanes, first bool) {
	m.mu.Lock()
	moved := m.moved
	m.moved = nil
	m.mu.Unlock()
	if moved == nil {
		return
	}
	held, err := m.held(ctx)
	if err != nil {
		for id := range moved {
			m.note(id)
		}
		return
	}
	for _, c := range held {
		if first {
			c.Failures = 0
		}
		if moved[c.ID] {
			lanes.add(c, m.untilDue(c))
		}
	}
}

// untilDue returns when a cluster's pause is over. Clusters whose pause is over
// already are spread over a sixth of a round.
func (m *HealthMonitor) untilDue(c models.Cluster) time.Duration {
	soon := m.offset(c.ID) / 3
	if age, known := m.age(c); known {
		return max(soon, m.pause(c.Failures)-age)
	}
	return soon
}

// queueReachable queues the clusters that calls reach again, whatever is left of
// their pauses. After half a round no check from before is recent enough to make
// the test skip them.
func (m *HealthMonitor) queueReachable(lanes monitorLanes) {
	if m.deps.Reach == nil {
		return
	}
	before := m.failing
	m.failing = make(map[string]bool, len(before))
	for id, r := range m.deps.Reach() {
		switch {
		case r.Failures > 0:
			m.failing[id] = true
		case before[id]:
			lanes.slow.Add(monitored{m.owners[id], id, !m.holds(id)}, m.opts.Every/2)
		}
	}
}

// isDue reports whether a cluster's pause is over at its offset in this round,
// give or take half a round, since tests may have been late.
func (m *HealthMonitor) isDue(c models.Cluster) bool {
	age, known := m.age(c)
	return !known || age+m.offset(c.ID) >= m.pause(c.Failures)-m.opts.Every/2
}

// age returns how long ago a cluster was tested. It is not known for one that was
// not, nor by the clock of a server that is behind that of the server that tested.
func (m *HealthMonitor) age(c models.Cluster) (age time.Duration, known bool) {
	if c.LastCheck == nil {
		return 0, false
	}
	age = m.now().Sub(*c.LastCheck)
	return age, age >= 0
}

// pause returns the time between two tests of a cluster that failed so often.
func (m *HealthMonitor) pause(failures int) time.Duration {
	const most = 16 // more would overflow
	return min(m.opts.Every<<max(0, min(failures-1, most)), max(m.opts.MaxPause, m.opts.Every))
}

// offset returns when in a round a cluster is tested. It is the same in every
// round and differs between processes.
func (m *HealthMonitor) offset(id string) time.Duration {
	half := uint64(max(1, m.opts.Every/2))                  //nolint:gosec // is positive
	return time.Duration(maphash.String(m.seed, id) % half) //nolint:gosec // is smaller than half a round
}
