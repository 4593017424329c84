package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

// overviewWait is how long an overview waits for all clusters together.
const overviewWait = 3 * time.Second

// Overview returns the metrics of all clusters that the user sees. Clusters that
// are not connected are not measured. A cluster that does not answer within
// overviewWait has its last known figures, or zeros.
func (m *Service) Overview(ctx context.Context, userID string) (models.MetricsOverview, error) {
	list, err := m.deps.Clusters.List(ctx, userID)
	if err != nil {
		return models.MetricsOverview{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, overviewWait)
	defer cancel()
	rows := make([]models.ClusterOverview, len(list.Clusters))
	var all sync.WaitGroup
	for i, c := range list.Clusters {
		rows[i] = models.ClusterOverview{ClusterName: c.Name, Status: c.Status}
		if c.Status != models.ClusterConnected {
			continue
		}
		all.Go(func() { m.fill(ctx, &rows[i], c) })
	}
	all.Wait()
	return models.MetricsOverview{Clusters: rows, Totals: totals(rows)}, nil
}

func (m *Service) fill(ctx context.Context, row *models.ClusterOverview, c models.Cluster) {
	got, at, err := m.metrics.get(ctx, measuredKey(c))
	if err != nil {
		var ok bool
		if got, at, ok = m.metrics.last(measuredKey(c)); !ok {
			return
		}
	}
	r := got.Resources
	row.CPUUsed, row.CPUCapacity, row.CPUPercent = r.CPU.Used, r.CPU.Capacity, r.CPU.Percentage
	row.MemUsed, row.MemCapacity, row.MemPercent = r.Memory.Used, r.Memory.Capacity, r.Memory.Percentage
	row.StorUsed, row.StorCapacity, row.StorPercent = r.Storage.Used, r.Storage.Capacity, r.Storage.Percentage
	row.NodeCount, row.PodCount = got.NodeCount, got.PodCount
	at = at.UTC()
	row.LastUpdated = &at
}

func totals(rows []models.ClusterOverview) (t models.OverviewTotals) {
	for _, r := range rows {
		t.CPUUsed += r.CPUUsed
		t.CPUCapacity += r.CPUCapacity
		t.MemoryUsed += r.MemUsed
		t.MemoryCapacity += r.MemCapacity
		t.StorageUsed += r.StorUsed
		t.StorageCapacity += r.StorCapacity
		t.NodeCount += r.NodeCount
		t.PodCount += r.PodCount
	}
	t.CPUPercent = models.UsageOf(t.CPUUsed, t.CPUCapacity).Percentage
	t.MemoryPercent = models.UsageOf(t.MemoryUsed, t.MemoryCapacity).Percentage
	t.StoragePercent = models.UsageOf(t.StorageUsed, t.StorageCapacity).Percentage
	return t
}
