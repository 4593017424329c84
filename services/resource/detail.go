package resource

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/inventory"
	"github.com/kubeorch/core/services/plan"
)

// maxChildren bounds the list of the objects that another one made.
const maxChildren = 200

// historyAge is how long changes are shown and kept.
const historyAge = 30 * 24 * time.Hour

// Get returns a resource and what happened to it, the latest change first.
func (s *Service) Get(ctx context.Context, userID, id string) (models.ResourceDetail, error) {
	r, err := s.Object(ctx, userID, id, models.ClusterRead)
	if err != nil {
		return models.ResourceDetail{}, err
	}
	views, err := s.views(ctx, userID, r)
	if err != nil {
		return models.ResourceDetail{}, err
	}
	changes, err := s.deps.Records.History(ctx, id)
	if err != nil {
		return models.ResourceDetail{}, err
	}
	out := models.ResourceDetail{Resource: views[0], History: []models.ResourceHistoryEntry{}}
	for i, c := range slices.Backward(changes) {
		if s.deps.Now().Sub(c.At) > historyAge {
			break
		}
		out.History = append(out.History, models.ResourceHistoryEntry{
			ID: id + "-" + strconv.FormatInt(c.At.UnixMilli(), 36) + "-" + strconv.Itoa(i), ResourceID: id, UserID: userID,
			Action: c.Action, Changes: c.Changes, OldStatus: c.OldStatus, NewStatus: c.NewStatus, Message: c.Message, Timestamp: c.At,
		})
	}
	return out, nil
}

// Children returns the pods of a workload, or the jobs of a CronJob, the oldest first
// and 200 at most. Other kinds have none: Invalid.
func (s *Service) Children(ctx context.Context, userID, id string) (models.ResourceChildren, error) {
	r, list, key, err := s.children(ctx, userID, id)
	if err != nil {
		return models.ResourceChildren{}, err
	}
	views, err := s.views(ctx, userID, append([]models.Resource{r}, list...)...)
	if err != nil {
		return models.ResourceChildren{}, err
	}
	out := models.ResourceChildren{Parent: views[0], Count: len(list)}
	if rest := views[1:]; key == "jobs" {
		out.Jobs = &rest
	} else {
		out.Pods = &rest
	}
	return out, nil
}

// Pods returns the records of a workload's pods, the oldest first and 200 at most. A
// pod is its own only one.
func (s *Service) Pods(ctx context.Context, userID, id string) ([]models.Resource, error) {
	r, list, key, err := s.children(ctx, userID, id)
	if r.Kind == "Pod" {
		return []models.Resource{r}, nil
	}
	if err == nil && key != "pods" {
		err = noChildren(r.Kind)
	}
	return list, err
}

func (s *Service) children(ctx context.Context, userID, id string) (r models.Resource, list []models.Resource, key string, err error) {
	if r, err = s.Object(ctx, userID, id, models.ClusterRead); err != nil {
		return models.Resource{}, nil, "", err
	}
	child, key, ok := inventory.ChildKind(r.Kind)
	if !ok {
		return r, nil, "", noChildren(r.Kind)
	}
	list, err = s.deps.Records.Children(ctx, r, child, maxChildren)
	return r, list, key, err
}

func noChildren(kind string) error {
	return &models.Error{Op: "resource.Service.children", Kind: models.Invalid, Msg: "a " + kind + " has no pods"}
}

// views returns resources of one cluster as a user sees them.
func (s *Service) views(ctx context.Context, userID string, list ...models.Resource) ([]models.ResourceView, error) {
	noted, err := s.marksOf(ctx, userID, list)
	if err != nil {
		return nil, err
	}
	synced, err := s.deps.Times.ByCluster(ctx, list[0].ClusterID)
	if err != nil && models.KindOf(err) != models.NotFound {
		return nil, err
	}
	names := map[string]string{} // of workflows; empty for those of others
	out := make([]models.ResourceView, len(list))
	for i, r := range list {
		v := viewOf(r, synced.At)
		v.UserID = userID
		m := noted[r.ID]
		v.IsFavorite, v.UserTags, v.UserNotes = m.Favorite, m.Tags, m.Notes
		if id := r.Labels[plan.WorkflowLabel]; models.ValidID(id) {
			if _, known := names[id]; !known {
				if names[id], err = s.workflowName(ctx, userID, id); err != nil {
					return nil, err
				}
			}
			if names[id] != "" {
				v.WorkflowID, v.WorkflowName = id, names[id]
			}
		}
		out[i] = v
	}
	return out, nil
}

// workflowName returns the name of one of the user's workflows, and "" for others.
func (s *Service) workflowName(ctx context.Context, userID, id string) (string, error) {
	w, err := s.deps.Workflows.ByID(ctx, id)
	if models.KindOf(err) == models.NotFound || err == nil && w.OwnerID != userID {
		return "", nil
	}
	return w.Name, err
}

func viewOf(r models.Resource, synced time.Time) models.ResourceView {
	v := models.ResourceView{
		ID: r.ID, ClusterID: r.ClusterID, ClusterName: r.ClusterName, Name: r.Name, Namespace: r.Namespace, Type: r.Kind,
		UID: r.UID, ResourceVersion: r.ResourceVersion, Status: r.Status, Message: r.Message, Labels: r.Labels,
		Annotations: r.Annotations, OwnerReferences: r.Owners, Spec: r.Spec, CreatedAt: r.CreatedAt,
		FirstDiscoveredAt: r.FirstSeenAt, LastSeenAt: r.LastSeenAt, LastSyncedAt: r.LastSeenAt, DeletedAt: r.DeletedAt,
	}
	if v.Spec == nil {
		v.Spec = map[string]any{}
	}
	v.Metadata = map[string]any{"uid": r.UID, "resourceVersion": r.ResourceVersion, "creationTimestamp": r.CreatedAt}
	if !r.Deleted && synced.After(r.LastSeenAt) { // it was there when all of the cluster was known
		v.LastSeenAt, v.LastSyncedAt = synced, synced
	}
	return v
}
