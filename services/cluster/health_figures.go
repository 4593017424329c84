package cluster

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubeorch/core/models"
)

// monitorFigures are what a HealthMonitor tells of its work.
type monitorFigures struct {
	clusters *prometheus.GaugeVec
	checks   prometheus.Histogram
}

func newMonitorFigures() monitorFigures {
	return monitorFigures{
		clusters: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kubeorch_clusters", Help: "Registered clusters by the state that the last check found.",
		}, []string{"status"}),
		checks: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kubeorch_cluster_check_seconds", Help: "Time that checks of clusters in the background took.",
			Buckets: []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10},
		}),
	}
}

func (f monitorFigures) count(all []models.Cluster) {
	by := map[string]int{
		models.ClusterConnected: 0, models.ClusterDisconnected: 0, models.ClusterError: 0, models.ClusterUnknown: 0,
	}
	for _, c := range all {
		by[c.Status]++
	}
	for status, n := range by {
		f.clusters.WithLabelValues(status).Set(float64(n))
	}
}

func (f monitorFigures) took(d time.Duration) { f.checks.Observe(d.Seconds()) }

// Figures returns what to register with Prometheus.
func (m *HealthMonitor) Figures() []prometheus.Collector {
	return []prometheus.Collector{m.figures.clusters, m.figures.checks}
}
