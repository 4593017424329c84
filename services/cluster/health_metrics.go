package cluster

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubeorch/core/models"
)

// monitorMetrics are the Prometheus metrics of a HealthMonitor.
type monitorMetrics struct {
	clusters *prometheus.GaugeVec
	checks   prometheus.Histogram
}

func newMonitorMetrics() monitorMetrics {
	return monitorMetrics{
		clusters: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kubeorch_clusters", Help: "Clusters that this server checks, by the state that the last check found.",
		}, []string{"status"}),
		checks: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kubeorch_cluster_check_seconds", Help: "Time that checks of clusters in the background took.",
			Buckets: []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10},
		}),
	}
}

// count shows how many of the held clusters are in each state. The sum over all
// servers is that of all clusters.
func (m monitorMetrics) count(held []models.Cluster) {
	by := map[string]int{
		models.ClusterConnected: 0, models.ClusterDisconnected: 0, models.ClusterError: 0, models.ClusterUnknown: 0,
	}
	for _, c := range held {
		by[c.Status]++
	}
	for status, n := range by {
		m.clusters.WithLabelValues(status).Set(float64(n))
	}
}

func (m monitorMetrics) observe(d time.Duration) { m.checks.Observe(d.Seconds()) }

// Collectors returns the monitor's metrics, to be registered with Prometheus.
func (m *HealthMonitor) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.metrics.clusters, m.metrics.checks}
}
