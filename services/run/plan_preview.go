package run

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/diff"
	"github.com/kubeorch/core/services/plan"
)

// preview is a look at what a run would do. Its session is stored nowhere.
type preview struct {
	exec    *Executor
	session *session
	target  planTarget
	refused map[string]string // node id to why the grant of the cluster does not allow it
	plan    models.RunPlan
	outage  error // why the cluster cannot be asked any more

	// deployed tells that the plan was applied before, so that values which somebody has
	// changed since are changes, although a run keeps them.
	deployed bool
}

// run asks in the order of a run, although without its waves: nothing that is asked
// about has to exist.
func (v *preview) run(ctx context.Context) error {
	owned, err := v.exec.look(ctx, v.session, v.target)
	if err != nil {
		return err
	}
	v.namespaces(ctx)
	facts, err := v.facts(ctx)
	if err != nil {
		<-owned
		return err
	}
	applied, err := v.steps(ctx, v.session.plan.Steps)
	left := <-owned
	if err != nil {
		return err
	}
	if err := v.left(ctx, left, applied); err != nil {
		return err
	}
	v.warn(facts)
	v.count()
	return ctx.Err()
}

// checkPlacement notes the nodes that g does not allow.
func (v *preview) checkPlacement(ctx context.Context, g models.ClusterGrant) error {
	err := checkPlacement(ctx, g, v.target, v.session.plan)
	refusal, ok := errors.AsType[*models.Error](err)
	if !ok || refusal.Kind != models.Forbidden {
		return err
	}
	for _, p := range refusal.Problems {
		v.refused[p.Node] = strings.TrimPrefix(v.refused[p.Node]+"; "+p.Message, "; ")
	}
	v.plan.Blocked = true
	return nil
}

func (v *preview) namespaces(ctx context.Context) {
	for _, c := range v.target.EnsureNamespaces(ctx, v.session.plan.Namespaces(), namespaceLabels()) {
		n := models.PlanNamespace{Name: c.Name, Action: string(c.Action)}
		if c.Action == applier.Failed {
			n.Action, n.Message = models.PlanRefused, c.Message
			v.plan.Blocked = true
			v.noteOutage(c)
		}
		v.plan.Namespaces = append(v.plan.Namespaces, n)
	}
}

// block notes that a run would end before its first write.
func (v *preview) block() {
	v.session.mu.Lock()
	defer v.session.mu.Unlock()
	v.plan.Blocked = true
}

func (v *preview) noteOutage(c applier.Change) {
	if v.outage == nil && applier.IsOutage(c.Err) {
		v.outage = c.Err
	}
}

// steps previews steps and returns the objects that a run applies.
func (v *preview) steps(ctx context.Context, steps []plan.Step) (applied []applier.Ref, err error) {
	first := len(v.plan.Nodes)
	for _, step := range steps {
		v.plan.Nodes = append(v.plan.Nodes, models.NodePlan{
			NodeID: step.NodeID, Type: step.Type, Name: step.Name, Objects: []models.ObjectDiff{}, Warnings: []models.PlanWarning{},
		})
	}
	nodes := v.plan.Nodes[first:]
	if err := v.values(ctx, steps, nodes); err != nil {
		return nil, err
	}
	var reqs []applier.Request
	var from []int
	for i, step := range steps {
		for j, object := range step.Objects {
			req := v.session.request(step, object)
			if j == len(step.Objects)-1 {
				req.Initial = initialOf(step)
			}
			if reason := v.refused[step.NodeID]; reason != "" {
				nodes[i].Add(refusedObject(applier.RefOf(object), reason))
				continue
			}
			reqs, from = append(reqs, req), append(from, i)
		}
	}
	found := make([]models.ObjectDiff, len(reqs))
	warnings := make([][]string, len(reqs))
	refs := make([]applier.Ref, len(reqs))
	v.target.Preview(ctx, reqs, func(i int, p applier.Preview) {
		v.noteOutage(p.Change)
		found[i], warnings[i], refs[i] = v.diffOf(p), p.Warnings, p.Ref
		if found[i].Action == models.PlanRefused && v.blocks(p.Change, reqs[i].Object) {
			v.block()
		}
	})
	if v.outage != nil {
		return nil, v.outage
	}
	v.additions(ctx, found, refs)
	for i, d := range found {
		nodes[from[i]].Add(d)
		nodes[from[i]].Warnings = append(nodes[from[i]].Warnings, serverWarnings(steps[from[i]], warnings[i])...)
	}
	return refs, ctx.Err()
}

// blocks reports whether a refusal ends a run before its first write.
func (v *preview) blocks(c applier.Change, object *unstructured.Unstructured) bool {
	if errors.Is(c.Err, applier.ErrForeign) {
		return v.session.run.FailurePolicy != models.PolicyContinue
	}
	return onlyServerCanJudge(object)
}

// diffOf returns what people see of a preview.
func (v *preview) diffOf(p applier.Preview) models.ObjectDiff {
	apiVersion, kind := p.ToAPIVersionAndKind()
	d := models.ObjectDiff{
		APIVersion: apiVersion, Kind: kind, Namespace: p.Namespace, Name: p.Name, Action: string(p.Action),
		Message: v.session.clean(strings.TrimPrefix(p.Message, p.Ref.String()+" ")),
	}
	switch p.Action {
	case applier.Failed:
		d.Action, d.Message = models.PlanRefused, v.session.clean(p.Message)
	case applier.Configured, applier.Replaced:
		d.Changes = diff.Changes(p.Live, p.Would)
		d.Message = changesText(d, p)
		fallthrough
	case applier.Unchanged:
		if p.Would != nil && p.Action != applier.Replaced {
			d.Additions = diff.Additions(p.Would, isOurManager)
		}
	default:
	}
	return d
}

// changesText says of a change what its fields do not.
func changesText(d models.ObjectDiff, p applier.Preview) string {
	switch {
	case p.Action == applier.Replaced:
		return "the API allows no change in place, so it is deleted and created anew"
	case len(d.Changes) >= diff.MaxChanges:
		return fmt.Sprintf("the first %d of its changes are shown", diff.MaxChanges)
	case len(d.Changes) == 0:
		return "only the marks and managers of its fields change"
	}
	return d.Message
}

func isOurManager(manager string) bool {
	return applier.IsManager(applier.DefaultOptions(nil).Manager, manager)
}

// additions reads the objects that are known to be unchanged and have other managers,
// and adds what these have added.
func (v *preview) additions(ctx context.Context, found []models.ObjectDiff, refs []applier.Ref) {
	var some []applier.Ref
	var from []int
	for i, d := range found {
		if d.Action != models.PlanUnchanged || d.Additions != nil {
			continue
		}
		if o := v.session.survey.Find(refs[i]); o != nil && diff.MayHaveAdditions(o.ManagedFields, isOurManager) {
			some, from = append(some, refs[i]), append(from, i)
		}
	}
	v.target.Read(ctx, some, func(i int, o *unstructured.Unstructured) {
		if o != nil {
			found[from[i]].Additions = diff.Additions(o, isOurManager)
		}
	})
}

func refusedObject(ref applier.Ref, reason string) models.ObjectDiff {
	apiVersion, kind := ref.ToAPIVersionAndKind()
	return models.ObjectDiff{
		APIVersion: apiVersion, Kind: kind, Namespace: ref.Namespace, Name: ref.Name, Action: models.PlanRefused, Message: reason,
	}
}

// count fills the summary.
func (v *preview) count() {
	for _, n := range v.plan.Nodes {
		for _, d := range n.Objects {
			v.plan.Summary.Count(d.Action)
		}
		v.plan.Summary.Warnings += len(n.Warnings)
	}
	for _, d := range v.plan.Left {
		v.plan.Summary.Count(d.Action)
	}
}
