package watcher

import (
	"context"
	"errors"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/services/status"
)

// attach has the watcher of its cluster track a workflow, or detaches a workflow
// that has nothing to watch or that another server watches.
func (m *Manager) attach(ctx context.Context, id string, in *interest) error {
	wf, err := m.deps.Workflows.ByID(ctx, id)
	if models.KindOf(err) == models.NotFound || err == nil && !deployed(wf) {
		m.detach(id, in)
		m.deps.Drifts.Retired(id)
		return nil
	}
	if err != nil {
		return err
	}
	wf, by, held, err := m.place(ctx, wf, in)
	if models.KindOf(err) == models.Conflict {
		m.detach(id, in)
	}
	if err != nil {
		return err
	}
	if !held {
		m.detach(id, in)
		return m.announce(ctx, id, in, false)
	}
	return errors.Join(m.attachHere(ctx, wf, by, in), m.announce(ctx, id, in, true))
}

// attachHere has this server watch wf and store its statuses under by.
func (m *Manager) attachHere(ctx context.Context, wf models.Workflow, by models.WatchFence, in *interest) error {
	conn, err := m.deps.Connect(ctx, wf, by.ClusterID)
	if err != nil && models.LostAccess(err) {
		m.detach(wf.ID, in)
		// It is tried again like any failure: another process may register the
		// cluster, or share it again.
		return errors.Join(err, m.storeLostAccess(ctx, wf, by, err))
	}
	if err != nil {
		return err
	}
	objects, err := m.deps.Workflows.Inventory(ctx, wf.ID)
	if err != nil {
		return err
	}
	// What is kept, or is in a cluster of before, is none of the drawing's.
	objects = slices.DeleteFunc(objects, func(o models.OwnedObject) bool {
		return !o.IsIn(wf.ClusterID, wf.ClusterRef) || !o.Kept.IsZero()
	})
	found, err := m.locate(ctx, wf, objects, conn)
	if err != nil {
		return err
	}
	m.moveTo(watcherKey{conn, by}, wf.ID, in)
	if in.by != nil {
		in.by.track(wf, found)
	}
	return nil
}

// storeLostAccess has the statuses of a workflow say that its owner has lost the
// cluster. Nodes without a status, and removed ones, stay as they are.
func (m *Manager) storeLostAccess(ctx context.Context, wf models.Workflow, by models.WatchFence, lost error) error {
	m.losing.RLock()
	defer m.losing.RUnlock()
	why := models.MessageOf(lost)
	for _, n := range wf.Nodes {
		last := n.Data.Map(models.StatusKey)
		next := status.Unseen(n.Type, why)
		if last == nil || status.Equal(last, next) || status.Equal(last, status.Removed(n.Type)) {
			continue
		}
		if err := m.sink(by).put(ctx, wf.ID, n.ID, n.Type, next, nil); err != nil {
			return err
		}
	}
	return nil
}

// deployed reports whether wf has, or is about to have, objects in a cluster.
func deployed(wf models.Workflow) bool {
	return wf.Status == models.WorkflowPublished || wf.Status != models.WorkflowArchived && wf.LastRunAt != nil
}

// errBusy says that enough workers wait for a cluster.
var errBusy = errors.New("other workflows wait for the same cluster") //nolint:gochecknoglobals // never written

// ask reports whether a worker may wait for an answer of a cluster, and counts it
// until asked is called. Clusters that hang leave workers for the others.
func (m *Manager) ask(cluster watchedCluster) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asking[cluster] >= askingWorkers {
		return false
	}
	m.asking[cluster]++
	return true
}

func (m *Manager) asked(cluster watchedCluster) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asking[cluster]--; m.asking[cluster] == 0 {
		delete(m.asking, cluster)
	}
}

// located are the objects that the runs of a workflow made in its cluster.
type located struct {
	custom  []schema.GroupVersionResource // where the objects of operators' kinds are
	applied []appliedObject               // the objects that a run has applied
}

// appliedObject is an object that a run has applied.
type appliedObject struct {
	models.OwnedObject

	nodeType string // whose objects are read like this one
	resource schema.GroupVersionResource
}

// locate finds out where a cluster has the objects that the runs of a workflow made.
func (m *Manager) locate(
	ctx context.Context, wf models.Workflow, objects []models.OwnedObject, cluster watchedCluster,
) (found located, err error) {
	plugins := slices.ContainsFunc(wf.Nodes, func(n models.Node) bool { return n.Type == kinds.TypePlugin })
	for _, o := range objects {
		gvk := schema.FromAPIVersionAndKind(o.APIVersion, o.Kind)
		if !o.IsIn(wf.ClusterID, wf.ClusterRef) {
			continue
		}
		nodeType, source, builtin := status.SourceOfKind(gvk.GroupKind())
		resource := source.Resource
		if !builtin {
			if nodeType = kinds.TypePlugin; !plugins || !status.IsCustom(gvk.GroupKind()) {
				continue
			}
			mapping, err := m.mapping(ctx, gvk, cluster)
			if err != nil {
				return located{}, err
			}
			if mapping == nil {
				continue // removing the definition removed its objects
			}
			resource = mapping.Resource
			if !slices.Contains(found.custom, resource) {
				found.custom = append(found.custom, resource)
			}
		}
		if !o.Applied.IsZero() && o.Kept.IsZero() {
			found.applied = append(found.applied, appliedObject{o, nodeType, resource})
		}
	}
	return found, nil
}

// mapping asks the cluster for the resource of an operator's kind. It returns nil when
// there is no such kind any more.
func (m *Manager) mapping(ctx context.Context, gvk schema.GroupVersionKind, cluster watchedCluster) (*meta.RESTMapping, error) {
	if !m.ask(cluster) {
		return nil, errBusy
	}
	defer m.asked(cluster)
	mapping, err := cluster.Mapping(ctx, gvk)
	if kubernetes.ReasonOf(err) == kubernetes.UnknownKind {
		return nil, nil //nolint:nilnil // said above
	}
	return mapping, err
}
