package cluster

// returned has the clusters tested that calls reach again, although their
// pauses may have minutes to go. Half a round later no check from before the
// return is young enough to count.
func (m *HealthMonitor) returned(lanes monitorLanes) {
	if m.deps.Reach == nil {
		return
	}
	before := m.away
	m.away = make(map[string]bool, len(before))
	for id, r := range m.deps.Reach() {
		switch {
		case r.Failures > 0:
			m.away[id] = true
		case before[id]:
			lanes.slow.Add(id, m.opts.Every/2)
		}
	}
}
