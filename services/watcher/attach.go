package watcher

import (
	"context"
	"errors"
	"slices"

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
	custom, err := m.customResources(ctx, wf, conn)
	if err != nil {
		return err
	}
	m.moveTo(watcherKey{conn, by}, wf.ID, in)
	if in.by != nil {
		in.by.track(wf, custom)
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

// customResources returns the custom resources that the runs of a workflow made
// objects of.
func (m *Manager) customResources(
	ctx context.Context, wf models.Workflow, cluster watchedCluster,
) ([]schema.GroupVersionResource, error) {
	if !slices.ContainsFunc(wf.Nodes, func(n models.Node) bool { return n.Type == kinds.TypePlugin }) {
		return nil, nil
	}
	objects, err := m.deps.Workflows.Inventory(ctx, wf.ID)
	if err != nil {
		return nil, err
	}
	if !m.ask(cluster) {
		return nil, errBusy
	}
	defer m.asked(cluster)
	var found []schema.GroupVersionResource
	for _, o := range objects {
		gvk := schema.FromAPIVersionAndKind(o.APIVersion, o.Kind)
		if !o.IsIn(wf.ClusterID, wf.ClusterRef) || !status.IsCustom(gvk.GroupKind()) {
			continue
		}
		mapping, err := cluster.Mapping(ctx, gvk)
		if kubernetes.ReasonOf(err) == kubernetes.UnknownKind {
			continue // removing the definition removed its objects
		}
		if err != nil {
			return nil, err
		}
		if !slices.Contains(found, mapping.Resource) {
			found = append(found, mapping.Resource)
		}
	}
	return found, nil
}
