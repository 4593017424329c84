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
// that has nothing to watch.
func (m *Manager) attach(ctx context.Context, id string, in *interest) error {
	wf, err := m.deps.Workflows.ByID(ctx, id)
	if models.KindOf(err) == models.NotFound || err == nil && !deployed(wf) {
		m.detach(id, in)
		return nil
	}
	if err != nil {
		return err
	}
	conn, err := m.deps.Connect(ctx, wf)
	if err != nil && models.LostAccess(err) {
		m.detach(id, in)
		// It is tried again like any failure: another process may register the
		// cluster, or share it again.
		return errors.Join(err, m.storeLostAccess(ctx, wf, err))
	}
	if err != nil {
		return err
	}
	custom, err := m.customResources(ctx, wf, conn)
	if err != nil {
		return err
	}
	m.moveTo(conn, id, in)
	if in.by != nil {
		in.by.track(wf, custom)
	}
	return nil
}

// storeLostAccess has the statuses of a workflow say that its owner has lost the
// cluster. Nodes without a status, and removed ones, stay as they are.
func (m *Manager) storeLostAccess(ctx context.Context, wf models.Workflow, lost error) error {
	why := models.MessageOf(lost)
	for _, n := range wf.Nodes {
		last := n.Data.Map(models.StatusKey)
		next := status.Unseen(n.Type, why)
		if last == nil || status.Equal(last, next) || status.Equal(last, status.Removed(n.Type)) {
			continue
		}
		if err := m.sink().put(ctx, wf.ID, n.ID, n.Type, next, nil); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) sink() statusSink { return statusSink{m.deps.Workflows, m.deps.Events, m.deps.Log} }

// deployed reports whether wf has, or is about to have, objects in a cluster.
func deployed(wf models.Workflow) bool {
	return wf.Status == models.WorkflowPublished || wf.Status != models.WorkflowArchived && wf.LastRunAt != nil
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
	var found []schema.GroupVersionResource
	for _, o := range objects {
		gvk := schema.FromAPIVersionAndKind(o.APIVersion, o.Kind)
		if o.Cluster != wf.ClusterID || !status.IsCustom(gvk.GroupKind()) {
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

// moveTo attaches a workflow to the watcher of cluster. The queue hands a workflow
// to one worker at a time, which alone reads and writes in.by.
func (m *Manager) moveTo(cluster watchedCluster, id string, in *interest) {
	if in.by != nil && in.by.cluster == cluster {
		return
	}
	m.detach(id, in)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.watchers == nil { // stopped
		return
	}
	w := m.watchers[cluster]
	if w == nil {
		w = &sharedWatcher{
			resourceWatcher: newResourceWatcher(m.ctx, cluster, m.sink()),
			cluster:         cluster,
		}
		m.watchers[cluster] = w
		w.running.Go(func() { m.follow(w) })
	}
	w.users++
	in.by = w
}

// detach ends the watch of a workflow, and its watcher with the last workflow.
func (m *Manager) detach(id string, in *interest) {
	w := in.by
	if w == nil {
		return
	}
	in.by = nil
	w.untrack(id)
	m.mu.Lock()
	w.users--
	unused := w.users == 0 && m.watchers[w.cluster] == w
	if unused {
		delete(m.watchers, w.cluster)
	}
	m.mu.Unlock()
	if unused {
		w.stop()
	}
}

// follow moves the workflows of w to the new connection when the connection of w
// has been replaced, for instance because the credentials changed.
func (m *Manager) follow(w *sharedWatcher) {
	select {
	case <-w.ctx.Done():
		return
	case <-w.cluster.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refreshAll()
}
