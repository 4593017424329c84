package workflow

import (
	"context"
	"strings"

	"github.com/kubeorch/core/models"
)

// maxFormer is in how many former clusters a workflow may have objects and still move
// on. Each run looks into all of them.
const maxFormer = 5

// prepareMove checks whether p may move a workflow to the cluster that it names, and
// fills in which that is. moved is false for the cluster that it is in.
func (s *Service) prepareMove(ctx context.Context, owner, id string, p *models.WorkflowPatch) (moved bool, err error) {
	const op = "workflow.Service.Update"
	if p.ClusterID == nil {
		return false, nil
	}
	b, err := s.store.Belongings(ctx, owner, id)
	if err != nil || b.ClusterID == *p.ClusterID {
		return false, err
	}
	g, err := s.clusters.Require(ctx, owner, *p.ClusterID, models.ClusterDeploy)
	if err != nil {
		return false, err
	}
	p.ClusterRef = g.Cluster.ID
	if b.ClusterRef == g.Cluster.ID {
		return false, nil
	}
	running, err := s.runs.Running(ctx, id)
	if err != nil {
		return false, err
	}
	if running {
		return false, &models.Error{Op: op, Kind: models.Conflict, Msg: "a run of this workflow is in progress; cancel it or wait for its end"}
	}
	former := map[string]bool{}
	for _, o := range b.Objects {
		if !o.IsIn(*p.ClusterID, g.Cluster.ID) {
			former[o.ClusterRef+o.Cluster] = true
		}
	}
	if len(former) > maxFormer {
		return false, &models.Error{Op: op, Kind: models.Conflict, Msg: "the workflow has objects in too many clusters; remove or forget its leftovers first"}
	}
	return true, nil
}

// tidyCluster trims the name of a cluster, which is not empty.
func tidyCluster(problems *models.Problems, name *string) {
	if name == nil {
		return
	}
	if *name = strings.TrimSpace(*name); *name == "" {
		problems.Addf("cluster_id", "is required")
	}
}
