package run

import (
	"context"
	"slices"
	"strings"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
)

// left previews what prune does to the objects that left the drawing.
func (v *preview) left(ctx context.Context, owned ownedObjects, applied []applier.Ref) error {
	inventory, err := v.exec.deps.Workflows.Inventory(ctx, v.session.run.WorkflowID)
	if err != nil {
		return err
	}
	if owned.err != nil {
		if applier.IsOutage(owned.err) {
			return owned.err
		}
		v.plan.Notes = append(v.plan.Notes, "could not look for objects that left the drawing: "+models.MessageOf(clusterFailure(owned.err)))
	}
	wanted := append(refsIn(planned(v.session)), applied...)
	kept, gone, elsewhere := leaving(v.session.place(), owned.refs, inventory, wanted)
	for _, cluster := range clustersOf(elsewhere) {
		v.plan.Notes = append(v.plan.Notes, "objects that this workflow made in its former cluster "+cluster+" are left there")
	}
	v.leaves(v.target.Release(ctx, kept), models.PlanKept)
	for _, group := range deletionGroups(gone) {
		v.leaves(v.target.Delete(ctx, group, applier.DeleteOptions{}), "")
	}
	return v.outage
}

// leaves adds what is done to objects that left the drawing; unchanged names what
// is said of those that nothing is done to, and "" of such that are not there.
func (v *preview) leaves(changes []applier.Change, unchanged string) {
	for _, c := range changes {
		v.noteOutage(c)
		apiVersion, kind := c.ToAPIVersionAndKind()
		d := models.ObjectDiff{
			APIVersion: apiVersion, Kind: kind, Namespace: c.Namespace, Name: c.Name, Action: string(c.Action),
			Message: v.session.clean(strings.TrimPrefix(c.Message, c.Ref.String()+" ")),
		}
		switch {
		case c.Action == applier.Failed:
			d.Action = models.PlanRefused
		case c.Action == applier.Unchanged && (unchanged == "" || c.UID == ""):
			continue
		case c.Action == applier.Unchanged:
			d.Action, d.Message = unchanged, "its content cannot be restored"
		}
		v.plan.Left = append(v.plan.Left, d)
	}
	slices.SortStableFunc(v.plan.Left, func(a, b models.ObjectDiff) int {
		return strings.Compare(a.Kind+a.Namespace+a.Name, b.Kind+b.Namespace+b.Name)
	})
}
