package workflow

import (
	"context"
	"fmt"
	"time"

	"github.com/kubeorch/core/models"
)

// versionedWorkflows reads and changes the workflows of versions.
type versionedWorkflows interface {
	Get(ctx context.Context, owner, id string) (models.Workflow, error)
	Head(ctx context.Context, owner, id string) (models.WorkflowHead, error)
	Update(ctx context.Context, owner, id string, p models.WorkflowPatch, at time.Time) (models.Workflow, error)
	RaiseVersion(ctx context.Context, id string, number int) error
}

// versionStore stores versions.
type versionStore interface {
	Get(ctx context.Context, workflowID string, number int) (models.Version, error)
	List(ctx context.Context, workflowID string, page, limit int) ([]models.VersionSummary, int64, error)
	SetNotes(ctx context.Context, workflowID string, number int, n models.VersionNotes) (models.Version, error)
	Delete(ctx context.Context, workflowID string, number int) error
}

// Versions takes, reads and restores snapshots. Every method is
// limited to workflows of the given owner; others are NotFound.
type Versions struct {
	workflows versionedWorkflows
	store     versionStore
	history   History
	now       func() time.Time
}

// NewVersions returns the service over its stores. New versions go into history.
func NewVersions(workflows versionedWorkflows, store versionStore, history History) *Versions {
	return &Versions{workflows: workflows, store: store, history: history, now: models.Now}
}

// List returns one page of a workflow's versions, the newest first.
func (s *Versions) List(ctx context.Context, owner, id string, page, limit int) (models.Versions, error) {
	if _, err := s.workflows.Head(ctx, owner, id); err != nil {
		return models.Versions{}, err
	}
	list, total, err := s.store.List(ctx, id, page, limit)
	return models.Versions{Versions: list, Total: total, Page: page, Limit: limit}, err
}

// Get returns one version with its graph.
func (s *Versions) Get(ctx context.Context, owner, id string, number int) (models.Version, error) {
	if _, err := s.workflows.Head(ctx, owner, id); err != nil {
		return models.Version{}, err
	}
	return s.store.Get(ctx, id, number)
}

// Create takes a version of the workflow as it is saved now.
func (s *Versions) Create(
	ctx context.Context, owner, id string, n models.VersionNotes,
) (models.Version, error) {
	if err := checkNotes(n); err != nil {
		return models.Version{}, err
	}
	w, err := s.workflows.Get(ctx, owner, id)
	if err != nil {
		return models.Version{}, err
	}
	v := models.Version{CreatedBy: owner}
	for to, from := range map[*string]*string{&v.Name: n.Name, &v.Tag: n.Tag, &v.Description: n.Description} {
		if from != nil {
			*to = *from
		}
	}
	return s.snapshot(ctx, w, v)
}

// snapshot stores the graph of w under the next number. Everything but the
// graph and the number is taken from v.
func (s *Versions) snapshot(ctx context.Context, w models.Workflow, v models.Version) (models.Version, error) {
	graph := w.Graph().Tidy()
	v.ID, v.WorkflowID, v.CreatedAt = models.NewID(), w.ID, s.now()
	v.Nodes, v.Edges = graph.Nodes, graph.Edges
	v, err := s.history.Add(ctx, v)
	if err != nil {
		return v, err
	}
	return v, s.workflows.RaiseVersion(ctx, w.ID, v.Number)
}

// SetNotes changes the texts of a version; its graph never changes.
func (s *Versions) SetNotes(
	ctx context.Context, owner, id string, number int, n models.VersionNotes,
) (models.Version, error) {
	if err := checkNotes(n); err != nil {
		return models.Version{}, err
	}
	if _, err := s.workflows.Head(ctx, owner, id); err != nil {
		return models.Version{}, err
	}
	return s.store.SetNotes(ctx, id, number, n)
}

// Restore puts the graph of a version back into the workflow and takes a new
// version of that. It does not touch the cluster, nor a run in progress. ifRevision,
// unless it is nil, is the only revision of the workflow that is replaced.
func (s *Versions) Restore(
	ctx context.Context, owner, id string, number int, ifRevision *int64,
) (v models.Version, w models.Workflow, err error) {
	from, err := s.Get(ctx, owner, id, number)
	if err == nil {
		err = s.history.check(ctx, models.Version{WorkflowID: id, CreatedBy: owner})
	}
	if err != nil {
		return v, w, err
	}
	patch := models.WorkflowPatch{Nodes: &from.Nodes, Edges: &from.Edges, IfRevision: ifRevision}
	w, err = s.workflows.Update(ctx, owner, id, patch, s.now())
	if models.KindOf(err) == models.Conflict && err != nil {
		err = explain(ctx, s.workflows, owner, id, patch, err)
	}
	if err != nil {
		return v, w, err
	}
	v, err = s.snapshot(ctx, w, models.Version{
		CreatedBy: owner, RestoredFrom: number, Description: fmt.Sprintf("Restored from version %d", number),
	})
	w.VersionSeq, w.CurrentVersion = v.Number, v.Number
	return v, w, err
}

// Delete removes a version for good. The newest one is a Conflict.
func (s *Versions) Delete(ctx context.Context, owner, id string, number int) error {
	if _, err := s.workflows.Head(ctx, owner, id); err != nil {
		return err
	}
	return s.store.Delete(ctx, id, number)
}

// Compare returns what changed between two versions of a workflow.
func (s *Versions) Compare(ctx context.Context, owner, id string, from, to int) (models.VersionDiff, error) {
	a, err := s.Get(ctx, owner, id, from)
	if err != nil {
		return models.VersionDiff{}, err
	}
	b, err := s.store.Get(ctx, id, to)
	if err != nil {
		return models.VersionDiff{}, err
	}
	return models.Diff(a, b), nil
}

func checkNotes(n models.VersionNotes) error {
	var p models.Problems
	for field, text := range map[string]*string{"name": n.Name, "tag": n.Tag} {
		if text != nil && len(*text) > maxName {
			p.Addf(field, "is longer than %d bytes", maxName)
		}
	}
	checkTexts(&p, nil, n.Description)
	return p.Err("workflow.Versions")
}
