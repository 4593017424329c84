package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/services/plan"
)

// seenClusters are clusters that everybody sees.
type seenClusters []models.Cluster

func (s seenClusters) List(context.Context, string) (models.ClusterList, error) {
	return models.ClusterList{Clusters: s}, nil
}

func (s seenClusters) Get(_ context.Context, _, name string) (models.Cluster, error) {
	for _, c := range s {
		if c.Name == name {
			return c, nil
		}
	}
	return models.Cluster{}, &models.Error{Kind: models.NotFound, Msg: "cluster not found"}
}

// userWorkflows are workflow ids by owner.
type userWorkflows map[string][]string

func (w userWorkflows) List(_ context.Context, owner string) (list []models.WorkflowSummary, _ error) {
	for _, id := range w[owner] {
		list = append(list, models.WorkflowSummary{ID: id})
	}
	return list, nil
}

// fakeCluster is a cluster with given metrics.
type fakeCluster struct {
	measuredCluster

	got   kubernetes.Measured
	err   error
	hangs bool
	asked atomic.Int32
}

func (f *fakeCluster) Measure(ctx context.Context) (kubernetes.Measured, error) {
	f.asked.Add(1)
	if f.hangs {
		<-ctx.Done()
		return kubernetes.Measured{}, ctx.Err()
	}
	return f.got, f.err
}

func startMetrics(t *testing.T, deps Deps) *Service {
	t.Helper()
	deps.Log = slog.New(slog.DiscardHandler)
	m := NewService(deps)
	m.Start(t.Context())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		require.NoError(t, m.Stop(ctx))
	})
	return m
}

func named(name, status string) models.Cluster {
	return models.Cluster{ID: name, Name: name, Status: status}
}

func TestOverviewWaitsForNoDeadCluster(t *testing.T) {
	t.Parallel()
	clusters := map[string]*fakeCluster{
		"good":    {got: kubernetes.Measured{CPU: kubernetes.Amount{Used: 500, Capacity: 2000}, Memory: kubernetes.Amount{Used: 1, Capacity: 3}, HasUsage: true, Nodes: 2, Pods: 7}},
		"empty":   {got: kubernetes.Measured{HasUsage: true}},
		"hanging": {hangs: true},
		"failing": {err: &kubernetes.Error{Reason: kubernetes.Unreachable, Message: "it is gone"}},
		"dead":    {},
	}
	m := startMetrics(t, Deps{
		Clusters: seenClusters{
			named("good", models.ClusterConnected), named("empty", models.ClusterConnected), named("hanging", models.ClusterConnected),
			named("failing", models.ClusterConnected), named("dead", models.ClusterDisconnected),
		},
		Connect: func(_ context.Context, id string) (measuredCluster, error) { return clusters[id], nil },
	})
	start := time.Now()
	got, err := m.Overview(t.Context(), ann)
	require.NoError(t, err)
	require.Less(t, time.Since(start), 2*overviewWait)
	require.Len(t, got.Clusters, 5)
	good := got.Clusters[0]
	require.NotNil(t, good.LastUpdated)
	good.LastUpdated = nil
	require.Equal(t, models.ClusterOverview{
		ClusterName: "good", Status: models.ClusterConnected, CPUUsed: 500, CPUCapacity: 2000, CPUPercent: 25,
		MemUsed: 1, MemCapacity: 3, MemPercent: 33.33, NodeCount: 2, PodCount: 7,
	}, good)
	require.Equal(t, models.ClusterOverview{ClusterName: "dead", Status: models.ClusterDisconnected}, got.Clusters[4])
	require.Zero(t, clusters["dead"].asked.Load())
	require.InDelta(t, 25, got.Totals.CPUPercent, 0.001)
	require.Zero(t, got.Totals.StoragePercent)
	_, err = json.Marshal(got)
	require.NoError(t, err, "no figure is NaN")

	_, err = m.Metrics(t.Context(), ann, "failing")
	require.Equal(t, models.Unavailable, models.KindOf(err))
	require.Equal(t, "it is gone", models.MessageOf(err))
	require.EqualValues(t, 1, clusters["failing"].asked.Load(), "a dead cluster costs nothing for a while")
	_, err = m.Metrics(t.Context(), ann, "other")
	require.Equal(t, models.NotFound, models.KindOf(err))
}

func TestUsageIsNeverMoreThanAll(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		used, capacity int64
		want           float64
	}{
		"none of none": {0, 0, 0}, "some of none": {5, 0, 0}, "a third": {1, 3, 33.33}, "two thirds": {2, 3, 66.67},
		"all": {3, 3, 100}, "too much": {9, 3, 100}, "negative": {-1, 3, 0},
	} {
		require.InDelta(t, tc.want, models.UsageOf(tc.used, tc.capacity).Percentage, 1e-9, name)
	}
}

// connectTo returns an unshared connection to the tests' cluster.
func connectTo(t *testing.T, c *kubetest.Cluster) *kubernetes.Connection {
	t.Helper()
	connector := kubernetes.NewConnector(kubernetes.Options{})
	t.Cleanup(connector.Close)
	conn, err := connector.Get("c", 1, func() (kubernetes.Config, error) {
		return kubernetes.Config{AuthType: kubernetes.AuthKubeconfig, Kubeconfig: string(c.Kubeconfig())}, nil
	})
	require.NoError(t, err)
	return conn
}

// withoutUsage is a cluster without a metrics server.
type withoutUsage struct{ *kubernetes.Connection }

func (w withoutUsage) Measure(ctx context.Context) (kubernetes.Measured, error) {
	m, err := w.Connection.Measure(ctx)
	m.HasUsage, m.CPU.Used, m.Memory.Used = false, 0, 0
	return m, err
}

func TestRequestsStandInForUsage(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	namespace := c.Namespace(t)
	_, err := c.Client().CoreV1().Pods(namespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "greedy"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "c", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("1Gi")},
		}}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	conn := withoutUsage{connectTo(t, c)}
	m := startMetrics(t, Deps{
		Clusters: seenClusters{named("c", models.ClusterConnected)},
		Connect:  func(context.Context, string) (measuredCluster, error) { return conn, nil },
	})
	kubetest.Eventually(t, "the requests", func(ctx context.Context) error {
		got, err := m.measure(ctx, "c/1")
		if err == nil && (got.Source != models.UsageRequests || got.Resources.CPU.Used < 2000 || got.Resources.Memory.Used < 1<<30) {
			err = fmt.Errorf("%+v", got)
		}
		return err
	})
	got, err := m.Metrics(t.Context(), ann, "c")
	require.NoError(t, err)
	require.Equal(t, "c", got.ClusterName)
	require.Positive(t, got.PodCount)
	require.Len(t, m.requests.byID, 1)
	m.requests.forget(time.Now().Add(time.Second))
	require.Empty(t, m.requests.byID, "nobody asks any more")
}

// ownDeployment makes a Deployment as a run does.
func ownDeployment(t *testing.T, c *kubetest.Cluster, namespace, workflow, name string, annotations map[string]string) {
	t.Helper()
	labels := map[string]string{plan.WorkflowLabel: plan.NodeLabel(workflow), plan.NodeIDLabel: name, "managed-by": "kubeorch"}
	two := int32(2)
	_, err := c.Client().AppsV1().Deployments(namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &two, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{plan.NodeIDLabel: name}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: annotations},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "c"}}},
			},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func TestResourcesAreThoseOfOwnWorkflows(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	namespace := c.Namespace(t)
	mine, hers := models.NewID(), models.NewID()
	ownDeployment(t, c, namespace, mine, "web", nil)
	ownDeployment(t, c, namespace, mine, "crash", map[string]string{"devcluster.kubeorch.io/fail": "crash-loop"})
	ownDeployment(t, c, namespace, hers, "secret", nil)
	conn := connectTo(t, c)
	m := startMetrics(t, Deps{
		Clusters:  seenClusters{named("c", models.ClusterConnected), named("dead", models.ClusterError)},
		Connect:   func(context.Context, string) (measuredCluster, error) { return conn, nil },
		Workflows: userWorkflows{bob: {mine}, ann: {hers}},
	})
	var rows []models.MetricsResource
	kubetest.Eventually(t, "the rows", func(ctx context.Context) (err error) {
		m.objects.forget(time.Now().Add(time.Second))
		if rows, err = m.Resources(ctx, bob, models.MetricsFilter{}); err != nil {
			return err
		}
		if len(rows) != 6 || rows[0].Restarts == 0 {
			return fmt.Errorf("rows are %+v", rows)
		}
		for _, r := range rows {
			if r.Name == "web" && r.Status != "running" || r.Name == "crash" && r.Status != "failed" {
				return fmt.Errorf("rows are %+v", rows)
			}
		}
		return nil
	})
	require.Equal(t, "crash", rows[0].Name, "those that restart most come first")
	require.Equal(t, "Deployment", rows[0].Type)
	require.Equal(t, namespace, rows[0].Namespace)
	for want, f := range map[int]models.MetricsFilter{
		4: {Type: "Pod", Cluster: "all"}, 2: {Type: "Deployment", Namespace: namespace, Cluster: "c"}, 0: {Namespace: "elsewhere"},
	} {
		rows, err := m.Resources(t.Context(), bob, f)
		require.NoError(t, err)
		require.Len(t, rows, want, "%+v", f)
	}
	rows, err := m.Resources(t.Context(), bob, models.MetricsFilter{Cluster: "dead"})
	require.NoError(t, err)
	require.Empty(t, rows)
	rows, err = m.Resources(t.Context(), ann, models.MetricsFilter{Type: "Deployment"})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, "secret", rows[0].Name)
}

func TestAClusterThatCannotBeMeasuredIsUnavailable(t *testing.T) {
	t.Parallel()
	m := startMetrics(t, Deps{
		Clusters: seenClusters{named("c", models.ClusterError)},
		Connect: func(context.Context, string) (measuredCluster, error) {
			return nil, errors.New("something inside, with an address 10.0.0.1")
		},
	})
	_, err := m.Metrics(t.Context(), ann, "c")
	require.Equal(t, models.Unavailable, models.KindOf(err))
	require.NotContains(t, models.MessageOf(err), "10.0.0.1")
}
