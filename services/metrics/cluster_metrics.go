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
	figuresFresh  = 30 * time.Second // as often as a page asks
	objectsFresh  = 10 * time.Second
	metricsFailed = 10 * time.Second // a failure is told again without asking the cluster
	metricsLimit  = 8 * time.Second  // for asking a cluster
	metricsKeep   = 5 * time.Minute  // after the last question, figures and watches are dropped
)

// visibleClusters are those that a user may see.
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

// Connect finds the connection to a cluster by its id.
type Connect func(ctx context.Context, clusterID string) (measuredCluster, error)

// MeasureThrough adapts a function that returns a concrete connection.
func MeasureThrough[C measuredCluster](f func(ctx context.Context, clusterID string) (C, error)) Connect {
	return func(ctx context.Context, clusterID string) (measuredCluster, error) {
		return f(ctx, clusterID)
	}
}

// usersWorkflows are the workflows of a user.
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

// Service tells how clusters are doing. Figures are at most 30 s old
// when they are asked for, and a cluster is asked once for all who want to
// know. Start must be called before anything is measured. It is safe for
// concurrent use.
type Service struct {
	deps     Deps
	figures  *kept[models.ClusterMetrics]
	objects  *kept[[]ownedResource]
	requests *podRequests

	cancel  context.CancelFunc
	running sync.WaitGroup
}

// NewService returns metrics that ask no cluster before Start.
func NewService(deps Deps) *Service {
	m := &Service{deps: deps, requests: newPodRequests()}
	m.figures = newKept(figuresFresh, metricsFailed, metricsLimit, m.measure)
	m.objects = newKept(objectsFresh, metricsFailed, metricsLimit, m.readObjects)
	return m
}

// Start lets clusters be asked until Stop. The values of ctx are kept, its end
// is not waited for.
func (m *Service) Start(ctx context.Context) {
	ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	m.figures.start(ctx)
	m.objects.start(ctx)
	m.requests.start(ctx)
	m.running.Go(func() { m.tidy(ctx) })
}

// Stop ends everything that goes on, and waits for it until ctx ends.
func (m *Service) Stop(ctx context.Context) error {
	if m.cancel == nil { // never started
		return nil
	}
	m.cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.figures.wait()
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

// tidy drops what nobody has asked for lately.
func (m *Service) tidy(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			m.figures.forget(now.Add(-metricsKeep))
			m.objects.forget(now.Add(-metricsKeep))
			m.requests.forget(now.Add(-metricsKeep))
		}
	}
}

// Metrics returns how a cluster that the user may see is doing, NotFound for
// others, and Unavailable when it does not tell.
func (m *Service) Metrics(ctx context.Context, userID, name string) (models.ClusterMetrics, error) {
	const op = "metrics.Service.Metrics"
	c, err := m.deps.Clusters.Get(ctx, userID, name)
	if err != nil {
		return models.ClusterMetrics{}, err
	}
	got, at, err := m.figures.get(ctx, measuredKey(c))
	if err != nil {
		return models.ClusterMetrics{}, silent(op, err)
	}
	got.ClusterName, got.LastUpdated = c.Name, at.UTC()
	return got, nil
}

// silent words that a cluster does not tell something.
func silent(op string, err error) error {
	if kind := models.KindOf(err); kind == models.NotFound || kind == models.Unavailable {
		return err
	}
	return &models.Error{Op: op, Kind: models.Unavailable, Msg: models.MessageOf(kubernetes.Translate(err)), Err: err}
}

// measuredKey names a cluster as it is reached now: figures read with other
// credentials are not the same.
func measuredKey(c models.Cluster) string {
	return c.ID + "/" + strconv.FormatInt(c.CredentialVersion, 10)
}

// measure asks a cluster.
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
			Storage: models.UsageOf(got.Storage.Used, got.Storage.Capacity),
		},
		NodeCount: got.Nodes, PodCount: got.Pods, Source: source,
	}
	for _, c := range got.Health {
		out.Health = append(out.Health, models.ComponentHealth{Name: c.Name, Status: c.Status, Message: c.Message})
	}
	return out
}
