package metrics

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/services/plan"
	"github.com/kubeorch/core/services/status"
)

const (
	objectsPage = 250

	// objectsMost bounds what is read of one kind in one cluster.
	objectsMost = 5000
)

// ownedResource is the row of one object that a workflow owns.
type ownedResource struct {
	models.MetricsResource

	workflow string // label of the workflow it belongs to
}

// Resources returns the workloads and pods of the user's own workflows, those
// with most restarts first. A cluster that does not answer in time has its last
// known rows, or none.
func (m *Service) Resources(ctx context.Context, userID string, f models.MetricsFilter) ([]models.MetricsResource, error) {
	list, err := m.deps.Clusters.List(ctx, userID)
	if err != nil {
		return nil, err
	}
	workflows, err := m.deps.Workflows.List(ctx, userID)
	if err != nil {
		return nil, err
	}
	own := make(map[string]bool, len(workflows))
	for _, w := range workflows {
		own[plan.NodeLabel(w.ID)] = true
	}
	ctx, cancel := context.WithTimeout(ctx, overviewWait)
	defer cancel()
	found := make([][]models.MetricsResource, len(list.Clusters))
	var all sync.WaitGroup
	for i, c := range list.Clusters {
		if len(own) == 0 || c.Status != models.ClusterConnected || !matchesCluster(c, f.Cluster) {
			continue
		}
		all.Go(func() { found[i] = m.resourcesOf(ctx, c, own, f) })
	}
	all.Wait()
	rows := slices.Concat(found...)
	slices.SortFunc(rows, func(a, b models.MetricsResource) int {
		return cmp.Or(cmp.Compare(b.Restarts, a.Restarts), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.ClusterName, b.ClusterName))
	})
	return rows, nil
}

func (m *Service) resourcesOf(
	ctx context.Context, c models.Cluster, own map[string]bool, f models.MetricsFilter,
) (rows []models.MetricsResource) {
	objects, _, err := m.objects.get(ctx, measuredKey(c))
	if err != nil {
		objects, _, _ = m.objects.last(measuredKey(c))
	}
	for _, o := range objects {
		if own[o.workflow] && matches(f.Type, o.Type) && matches(f.Namespace, o.Namespace) {
			row := o.MetricsResource
			row.ClusterName = c.Name
			rows = append(rows, row)
		}
	}
	return rows
}

// matchesCluster reports whether filter, a name or an address, means c.
func matchesCluster(c models.Cluster, filter string) bool {
	name, id := models.SplitClusterAddress(filter)
	return matches(name, c.Name) && (id == "" || id == c.ID)
}

func matches(filter, value string) bool { return filter == "" || filter == "all" || filter == value }

// readObjects lists the workloads and pods of all workflows in a cluster. Whole
// objects are dropped page by page.
func (m *Service) readObjects(ctx context.Context, key string) ([]ownedResource, error) {
	id, _, _ := strings.Cut(key, "/")
	conn, err := m.deps.Connect(ctx, id)
	if err != nil {
		return nil, err
	}
	var rows []ownedResource
	byNode := make(map[string][]*status.Pod)
	restarts := make(map[string]int64)
	err = eachObject(ctx, conn, status.PodResource(), plan.PodSelector, func(u *unstructured.Unstructured) {
		pod, n := status.ExtractPod(u), podRestarts(u)
		byNode[plan.Group(u)] = append(byNode[plan.Group(u)], pod)
		restarts[plan.Group(u)] += n
		rows = append(rows, rowOf(u, "Pod", podState(u, pod), n))
	})
	for _, nodeType := range []string{"deployment", "statefulset", "daemonset"} {
		if err != nil {
			break
		}
		source, _ := status.SourceOf(nodeType)
		extract, _ := status.Extractor(nodeType)
		err = eachObject(ctx, conn, source.Resource, plan.ObjectSelector, func(u *unstructured.Unstructured) {
			state := status.Of(extract(u), byNode[plan.Group(u)])["state"]
			rows = append(rows, rowOf(u, source.Kind, workloadState(state), restarts[plan.Group(u)]))
		})
	}
	return rows, err
}

// eachObject calls do for the objects of a kind, up to objectsMost. A kind that
// the credentials may not list has none.
func eachObject(
	ctx context.Context, conn measuredCluster, kind schema.GroupVersionResource, selector string, do func(*unstructured.Unstructured),
) error {
	o := metav1.ListOptions{LabelSelector: selector, Limit: objectsPage}
	for read := 0; read < objectsMost; {
		page, err := conn.Dynamic().Resource(kind).List(ctx, o)
		if err != nil {
			if r := kubernetes.ReasonOf(err); r == kubernetes.Forbidden || r == kubernetes.UnknownKind || r == kubernetes.NotFound {
				return nil
			}
			return err
		}
		for i := range page.Items {
			do(&page.Items[i])
		}
		read += len(page.Items)
		if o.Continue = page.GetContinue(); o.Continue == "" {
			return nil
		}
	}
	return nil
}

func rowOf(u *unstructured.Unstructured, kind, state string, restarts int64) ownedResource {
	return ownedResource{
		MetricsResource: models.MetricsResource{
			Name: u.GetName(), Namespace: u.GetNamespace(), Type: kind, Status: state, Restarts: restarts,
		},
		workflow: u.GetLabels()[plan.WorkflowLabel],
	}
}

// workloadState maps the state of a node to the states of metrics pages.
func workloadState(state any) string {
	switch state {
	case "healthy":
		return "running"
	case "error":
		return "failed"
	}
	return "pending"
}

func podState(u *unstructured.Unstructured, pod *status.Pod) string {
	phase, _, _ := unstructured.NestedString(u.Object, "status", "phase")
	switch {
	case phase == "Succeeded":
		return "completed"
	case phase == "Failed", pod.Problem != nil && pod.Problem.Lasting:
		return "failed"
	case pod.Ready && !pod.Deleting:
		return "running"
	case pod.Problem != nil && phase == "Running": // it starts again and again
		return "failed"
	}
	return "pending"
}

func podRestarts(u *unstructured.Unstructured) (n int64) {
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		containers, _, _ := unstructured.NestedFieldNoCopy(u.Object, "status", list)
		of, _ := containers.([]any)
		for _, c := range of {
			if c, ok := c.(map[string]any); ok {
				count, _ := c["restartCount"].(int64)
				n += count
			}
		}
	}
	return n
}
