package metrics

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/watch"
)

const (
	metricsFresh  = 30 * time.Second // as often as a page asks
	objectsFresh  = 10 * time.Second
	metricsFailed = 10 * time.Second // a failure is answered before the cluster is asked again
	metricsLimit  = 8 * time.Second  // for one measurement
	metricsKeep   = 5 * time.Minute  // after the last read, metrics and watches are dropped
)

// visibleClusters finds the clusters that a user sees.
type visibleClusters interface {
	List(ctx context.Context, userID string) (models.ClusterList, error)
	Get(ctx context.Context, userID, name string) (models.Cluster, error)
}

// measuredCluster is a connection to a cluster.
type measuredCluster interface {
	watch.Connection
	Measure(ctx context.Context) (kubernetes.Measured, error)
	Done() <-chan struct{}
}

// Connect returns the connection to the cluster with the given id.
type Connect func(ctx context.Context, clusterID string) (measuredCluster, error)

// MeasureThrough adapts a function that returns a concrete connection.
func MeasureThrough[C measuredCluster](f func(ctx context.Context, clusterID string) (C, error)) Connect {
	return func(ctx context.Context, clusterID string) (measuredCluster, error) {
		return f(ctx, clusterID)
	}
}

// usersWorkflows lists the workflows of a user.
type usersWorkflows interface {
	List(ctx context.Context, owner string) ([]models.WorkflowSummary, error)
}

// Deps is what Service works with.
type Deps struct {
	Clusters  visibleClusters
	Connect   Connect
	Workflows usersWorkflows
	Log       *slog.Logger
}

// Service returns the metrics of clusters. They are at most 30 s old, and a
// cluster is measured once for all callers. Start must be called first. It is
// safe for concurrent use.
type Service struct {
	deps     Deps
	metrics  *refreshCache[models.ClusterMetrics]
	objects  *refreshCache[[]ownedResource]
	requests *podRequests

	cancel  context.CancelFunc
	running sync.WaitGroup
}

// NewService returns a service that measures nothing before Start.
func NewService(deps Deps) *Service {
	m := &Service{deps: deps, requests: newPodRequests()}
	m.metrics = newRefreshCache(metricsFresh, metricsFailed, metricsLimit, m.measure)
	m.objects = newRefreshCache(objectsFresh, metricsFailed, metricsLimit, m.readObjects)
	return m
}

// Start permits measurements until Stop. The end of ctx does not stop them.
func (m *Service) Start(ctx context.Context) {
	ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	m.metrics.start(ctx)
	m.objects.start(ctx)
	m.requests.start(ctx)
	m.running.Go(func() { m.tidy(ctx) })
}

// Stop ends all measurements and watches, and waits for their end until ctx ends.
func (m *Service) Stop(ctx context.Context) error {
	if m.cancel == nil { // never started
		return nil
	}
	m.cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.metrics.wait()
		m.objects.wait()
		m.requests.wait()
		m.running.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tidy drops what was not read lately.
func (m *Service) tidy(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			m.metrics.forget(now.Add(-metricsKeep))
			m.objects.forget(now.Add(-metricsKeep))
			m.requests.forget(now.Add(-metricsKeep))
		}
	}
}

// Metrics returns the metrics of a cluster that the user sees. A cluster that
// cannot be measured is Unavailable.
func (m *Service) Metrics(ctx context.Context, userID, name string) (models.ClusterMetrics, error) {
	const op = "metrics.Service.Metrics"
	c, err := m.deps.Clusters.Get(ctx, userID, name)
	if err != nil {
		return models.ClusterMetrics{}, err
	}
	got, at, err := m.metrics.get(ctx, measuredKey(c))
	if err != nil {
		return models.ClusterMetrics{}, unavailable(op, err)
	}
	got.ClusterName, got.LastUpdated = c.Name, at.UTC()
	return got, nil
}

// unavailable returns the error for a cluster that cannot be measured.
func unavailable(op string, err error) error {
	if kind := models.KindOf(err); kind == models.NotFound || kind == models.Unavailable {
		return err
	}
	return &models.Error{Op: op, Kind: models.Unavailable, Msg: models.MessageOf(kubernetes.Translate(err)), Err: err}
}

// measuredKey names a cluster and the version of its credentials, which decide
// what can be measured.
func measuredKey(c models.Cluster) string {
	return c.ID + "/" + strconv.FormatInt(c.CredentialVersion, 10)
}

// measure builds the metrics of a cluster.
func (m *Service) measure(ctx context.Context, key string) (models.ClusterMetrics, error) {
	id, _, _ := strings.Cut(key, "/")
	conn, err := m.deps.Connect(ctx, id)
	if err != nil {
		return models.ClusterMetrics{}, err
	}
	got, err := conn.Measure(ctx)
	if err != nil {
		return models.ClusterMetrics{}, err
	}
	source := models.UsageMetricsServer
	if !got.HasUsage {
		source = models.UsageNone
		if sum, ok := m.requests.sum(ctx, id, conn); ok {
			source, got.CPU.Used, got.Memory.Used = models.UsageRequests, sum.CPU, sum.Memory
		}
	}
	return metricsOf(got, source), nil
}

func metricsOf(got kubernetes.Measured, source string) models.ClusterMetrics {
	out := models.ClusterMetrics{
		Health: make([]models.ComponentHealth, 0, len(got.Health)),
		Resources: models.ClusterResources{
			CPU:     models.UsageOf(got.CPU.Used, got.CPU.Capacity),
			Memory:  models.UsageOf(got.Memory.Used, got.Memory.Capacity),
			Storage: models.UsageOf(0, got.StorageCapacity),
		},
		NodeCount: got.Nodes, PodCount: got.Pods, Source: source, StorageSource: models.UsageNone,
	}
	for _, c := range got.Health {
		out.Health = append(out.Health, models.ComponentHealth{Name: c.Name, Status: c.Status, Message: c.Message})
	}
	return out
}
