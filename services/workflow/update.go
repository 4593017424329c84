package workflow

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/kubeorch/core/models"
)

// Update changes the fields in p. Without p.IfRevision the last write wins, except
// for fields that the server owns. Archiving removes the workflow's objects from
// the cluster; the warning is for the user. Other updates do not touch the cluster:
// what a workflow has in its former one is removed by the next run.
func (s *Service) Update(
	ctx context.Context, owner, id string, p models.WorkflowPatch,
) (w models.Workflow, warning string, err error) {
	if err := tidyPatch(&p).Err("workflow.Service.Update"); err != nil {
		return models.Workflow{}, "", err
	}
	if p.Nodes != nil && len(*p.Nodes) > 0 {
		if err := s.quota.checkBytes(ctx, owner); err != nil && !s.shrinks(ctx, owner, id, *p.Nodes) {
			return models.Workflow{}, "", err
		}
	}
	moved, err := s.prepareMove(ctx, owner, id, &p)
	if err != nil {
		return models.Workflow{}, "", err
	}
	w, err = s.store.Update(ctx, owner, id, p, s.now())
	if models.KindOf(err) == models.Conflict && err != nil {
		return models.Workflow{}, "", explain(ctx, s.store, owner, id, p, err)
	}
	if err == nil && moved {
		w, err = s.withoutStatuses(ctx, owner, id)
	}
	if err == nil && p.Status != nil && w.Status == models.WorkflowArchived {
		warning = s.runs.TearDown(ctx, w, p.DeleteAdopted)
	}
	return w, warning, err
}

// shrinks reports whether nodes take less space than those that are stored: that
// may be saved in a full account, too.
func (s *Service) shrinks(ctx context.Context, owner, id string, nodes []models.Node) bool {
	w, err := s.store.Get(ctx, owner, id)
	if err != nil {
		return false
	}
	before, err := json.Marshal(w.Nodes)
	if err != nil {
		return false
	}
	after, err := json.Marshal(nodes)
	return err == nil && len(after) < len(before)
}

// tidyPatch brings p into the form that is stored and returns its problems.
func tidyPatch(p *models.WorkflowPatch) (problems models.Problems) {
	if p.Empty() {
		return models.Problems{{Message: "there is nothing to change"}}
	}
	checkTexts(&problems, p.Name, p.Description)
	tidyCluster(&problems, p.ClusterID)
	if p.Status != nil {
		switch *p.Status {
		case models.WorkflowDraft, models.WorkflowPublished, models.WorkflowArchived:
		default:
			problems.Addf("status", "must be draft, published or archived")
		}
	}
	var g models.Graph
	if p.Nodes != nil {
		g.Nodes = *p.Nodes
	}
	if p.Edges != nil {
		g.Edges = *p.Edges
	}
	problems = append(problems, g.CheckStorable()...)
	g = g.Tidy()
	if p.Nodes != nil {
		p.Nodes = &g.Nodes
	}
	if p.Edges != nil {
		p.Edges = &g.Edges
	}
	return problems
}

const (
	maxName        = 200
	maxDescription = 10_000
)

// checkTexts trims and checks the texts. A nil pointer is an absent text.
func checkTexts(p *models.Problems, name, description *string) {
	if name != nil {
		*name = strings.TrimSpace(*name)
		if *name == "" {
			p.Addf("name", "is required")
		}
		if len(*name) > maxName {
			p.Addf("name", "is longer than %d bytes", maxName)
		}
	}
	if description != nil && len(*description) > maxDescription {
		p.Addf("description", "is longer than %d bytes", maxDescription)
	}
}

// withoutStatuses forgets what was seen of a workflow in its former cluster.
func (s *Service) withoutStatuses(ctx context.Context, owner, id string) (models.Workflow, error) {
	if err := s.store.ClearStatuses(ctx, id); err != nil {
		return models.Workflow{}, err
	}
	return s.store.Get(ctx, owner, id)
}

// explain adds what differs from the stored state to a conflict.
func explain(
	ctx context.Context, store interface {
		Get(ctx context.Context, owner, id string) (models.Workflow, error)
	}, owner, id string, p models.WorkflowPatch, conflict error,
) error {
	w, err := store.Get(ctx, owner, id)
	if err != nil {
		return err
	}
	return p.Against(w).Error("workflow.explain", conflict)
}
