package warning

import (
	"strings"

	"github.com/kubeorch/core/models"
)

// OfNode returns the warnings that follow from what a run would do for a node.
func OfNode(n models.NodePlan) (all []models.PlanWarning) {
	if n.Values != nil && len(n.Values.Missing) > 0 {
		all = append(all, models.PlanWarning{
			Node: n.NodeID, Code: ValuesMissing, Message: "nobody has typed a value yet for " + strings.Join(n.Values.Missing, ", "),
		})
	}
	for _, d := range n.Objects {
		w := models.PlanWarning{Node: n.NodeID, Field: "storage"}
		switch {
		case d.Kind != "PersistentVolumeClaim":
			continue
		case d.Action == models.PlanReplaced:
			w.Code, w.Message = ClaimReplaced, "the claim "+d.Name+" is deleted and created anew, and its data is lost"
		case d.Action == models.PlanRefused && strings.Contains(d.Message, "cannot shrink"):
			w.Code, w.Message = ClaimShrinks, "a volume never shrinks; use another name for a smaller claim, and copy the data"
		default:
			continue
		}
		all = append(all, w)
	}
	return all
}
