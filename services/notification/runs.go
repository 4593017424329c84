package notification

import (
	"context"
	"fmt"

	"github.com/kubeorch/core/models"
)

// RunEnded tells the owner of a workflow how its run ended, once for each run,
// however often it is called. What people cancelled themselves is no news, and
// neither is a workflow that was taken down as they wanted. name is the workflow's.
func (s *Service) RunEnded(ctx context.Context, r models.Run, name string) error {
	n := models.Notification{
		ID: r.ID, UserID: r.OwnerID, RefID: r.WorkflowID, What: r.ID, Link: "/dashboard/workflow/" + r.WorkflowID,
	}
	if name == "" {
		name = "A workflow"
	}
	switch {
	case r.Status == models.RunCompleted && r.Action == models.RunDeploy:
		n.Type, n.Title = models.NotifyDeployed, name+" was deployed"
		n.Message = fmt.Sprintf("Version %d is in the cluster %s.", r.Version, r.Cluster)
	case r.Status == models.RunFailed && r.Action == models.RunDeploy:
		n.Type, n.Title, n.Message = models.NotifyFailed, name+" could not be deployed", r.Error
	case r.Status == models.RunFailed && r.Action == models.RunTearDown:
		n.Type, n.Title, n.Message = models.NotifyFailed, name+" could not be taken down", r.Error
	default:
		return nil
	}
	return s.add(ctx, n)
}
