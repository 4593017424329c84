package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/services/cluster"
	"github.com/kubeorch/core/services/lease"
	"github.com/kubeorch/core/services/relay"
	"github.com/kubeorch/core/services/stream"
)

// registerMetrics adds the metrics of the process, the event streams and the
// clusters. The router adds those of requests.
func (s *Server) registerMetrics(
	events *stream.Broadcaster, others peers, connector *kubernetes.Connector, monitor *cluster.HealthMonitor,
) error {
	all := []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
	gauge := func(name, help string, f func(stream.Stats) int64) {
		read := func() float64 { return float64(f(events.Stats())) }
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kubeorch_events_" + name, Help: help}, read))
	}
	gauge("streams", "Event streams known now.", func(b stream.Stats) int64 { return int64(b.Streams) })
	gauge("subscribers", "Readers of event streams.", func(b stream.Stats) int64 { return b.Subscribers })
	gauge("published", "Events since the start.", func(b stream.Stats) int64 { return b.Published })
	gauge("lagged", "Times a reader fell out of the replay buffer.", func(b stream.Stats) int64 { return b.Lagged })
	gauge("resyncs", "Snapshots that readers needed.", func(b stream.Stats) int64 { return b.Resyncs })
	if r := others.relay; r != nil {
		all = append(all, relayMetrics(s.session, r)...)
	}
	all = append(append(all, monitor.Collectors()...), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kubeorch_clusters_out_of_reach", Help: "Clusters whose calls are refused at once because the last ones failed.",
	}, func() float64 { return outOfReach(connector) }))
	for _, c := range all {
		if err := s.metrics.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// relayMetrics tells how a server does among those that share its database.
func relayMetrics(session *lease.Session, r *relay.Relay) []prometheus.Collector {
	counter := func(name, help string, f func(relay.Stats) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "kubeorch_relay_" + name, Help: help},
			func() float64 { return float64(f(r.Stats())) })
	}
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kubeorch_servers", Help: "Servers on the database that this one knows of, itself included."},
			func() float64 { return float64(len(session.Live())) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kubeorch_relay_lag_seconds", Help: "Time since all messages of other servers were read; 0 while alone."},
			func() float64 { return r.Stats().Lag.Seconds() }),
		counter("sent_total", "Messages that this server passed on.", func(s relay.Stats) int64 { return s.Appended }),
		counter("received_total", "Messages of other servers.", func(s relay.Stats) int64 { return s.Received }),
		counter("gaps_total", "Events that this server could not pass on, in place of which readers got snapshots.",
			func(s relay.Stats) int64 { return s.Gaps }),
	}
}

func outOfReach(connector *kubernetes.Connector) (n float64) {
	for _, r := range connector.Reach() {
		if r.Open {
			n++
		}
	}
	return n
}
