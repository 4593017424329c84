package workflow

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubeorch/core/models"
)

// Clone stores a draft with the graph of another workflow, without the state of its
// runs, in the same or another cluster and namespace. Where the names of the original
// are taken, the nodes get names of their own, made from the clone's id; renamed tells.
func (s *Service) Clone(
	ctx context.Context, owner, id string, in models.WorkflowClone,
) (w models.Workflow, renamed bool, err error) {
	in.ClusterID, in.Namespace = strings.TrimSpace(in.ClusterID), strings.TrimSpace(in.Namespace)
	var p models.Problems
	checkTexts(&p, &in.Name, nil)
	if in.Namespace != "" {
		for _, fault := range validation.IsDNS1123Label(in.Namespace) {
			p.Addf("namespace", "%s", fault)
		}
	}
	if err := p.Err("workflow.Service.Clone"); err != nil {
		return w, false, err
	}
	from, err := s.store.Get(ctx, owner, id)
	if err != nil {
		return w, false, err
	}
	elsewhere, err := s.isElsewhere(ctx, owner, from, in)
	if err != nil {
		return w, false, err
	}
	w = s.draft(owner, in.Name)
	graph := from.Graph().Tidy()
	inUse := func(n models.Node) bool { return in.Namespace == "" || n.Namespace() == in.Namespace }
	if renamed = !elsewhere && slices.ContainsFunc(graph.Nodes, inUse); renamed {
		graph = graph.Renamed("-" + w.ID[len(w.ID)-4:])
	}
	if in.Namespace != "" {
		if graph, p = graph.Moved(in.Namespace); len(p) > 0 {
			return models.Workflow{}, false, p.Err("workflow.Service.Clone")
		}
	}
	w.Nodes, w.Edges, w.ClusterID, w.Tags = graph.Nodes, graph.Edges, from.ClusterID, from.Tags
	if in.ClusterID != "" {
		w.ClusterID = in.ClusterID
	}
	w.Description = strings.TrimSpace(fmt.Sprintf("%s (cloned from %s)", from.Description, from.Name))
	models.NoteForAudit(ctx, "workflow", w.ID)
	return w, renamed, s.insert(ctx, w)
}

// isElsewhere reports whether a clone goes to another cluster than the original is in.
// It is NotFound or Forbidden where the owner may not deploy.
func (s *Service) isElsewhere(ctx context.Context, owner string, from models.Workflow, in models.WorkflowClone) (bool, error) {
	if in.ClusterID == "" {
		return false, nil
	}
	to, err := s.clusters.Require(ctx, owner, in.ClusterID, models.ClusterDeploy)
	if err != nil {
		return false, err
	}
	if in.Namespace != "" && !to.Covers(in.Namespace) {
		return false, &models.Error{
			Op: "workflow.Service.Clone", Kind: models.Forbidden,
			Msg: "cluster " + to.Cluster.Name + " is not shared with you in namespace " + in.Namespace,
		}
	}
	at := from.ClusterRef
	if at == "" { // it has not run: its cluster is what the name means
		if g, err := s.clusters.Require(ctx, owner, from.ClusterID, models.ClusterRead); err == nil {
			at = g.Cluster.ID
		}
	}
	return at != to.Cluster.ID, nil
}
