package notification

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubeorch/core/models"
)

// Drifted tells the owner of a workflow that somebody else has changed the objects of
// nodes, or goes on to change what was corrected. The same news of one workflow is unread
// once.
func (s *Service) Drifted(ctx context.Context, w models.Workflow, nodes []models.NodeDrift) error {
	n := models.Notification{
		UserID: w.OwnerID, RefID: w.ID, Type: models.NotifyWarning, What: "drift", Link: "/dashboard/workflow/" + w.ID,
		Title: w.Name + " was changed in the cluster",
	}
	var lines []string
	for _, node := range nodes {
		line := fmt.Sprintf("%s %s: %s", node.Type, node.Name, changeOf(node))
		if c := node.Correction; c != nil && c.State == models.CorrectionStopped {
			n.What, n.Title = "drift not corrected", w.Name+" is changed in the cluster again and again"
			line = fmt.Sprintf("%s %s %s", node.Type, node.Name, c.Message)
		}
		lines = append(lines, line)
	}
	n.Message = strings.Join(lines, "\n")
	return s.add(ctx, n)
}

// changeOf tells in some words what was changed, without any value.
func changeOf(n models.NodeDrift) string {
	for _, o := range n.Objects {
		switch {
		case o.Action == "created":
			return o.Kind + " " + o.Name + " is gone"
		case len(o.Changes) > 0:
			c := o.Changes[0]
			text := c.Path
			if c.Manager != "" {
				text += " by " + c.Manager
			}
			if more := len(o.Changes) - 1; more > 0 {
				text += fmt.Sprintf(", and %d more", more)
			}
			return text
		case o.Message != "":
			return o.Message
		}
	}
	return "changed"
}
