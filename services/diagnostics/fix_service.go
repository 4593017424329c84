package diagnostics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/findings"
	"github.com/kubeorch/core/services/kinds"
)

// deployer applies nodes as they are drawn.
type deployer interface {
	ApplyNode(ctx context.Context, w models.Workflow, nodeID string, dryRun bool) ([]applier.Change, error)
}

// drawings saves the nodes of workflows.
type drawings interface {
	Update(ctx context.Context, owner, id string, p models.WorkflowPatch) (w models.Workflow, warning string, err error)
}

// serviceFix corrects the selector or the ports of a Service, by changing the node and
// applying its object: the drawing and the cluster stay the same, and the next run does
// not take the fix back.
type serviceFix struct {
	*Service

	part string // "selector" or "ports"
}

// dataKeys are the keys of the node that such a fix may change.
func (f serviceFix) dataKeys() []string {
	if f.part == "selector" {
		return []string{"targetApp", "selector"}
	}
	return []string{"port", "targetPort", "ports"}
}

func (f serviceFix) propose(ctx context.Context, on subject) (proposal, error) {
	known, err := f.facts(ctx, on.workflow, on.node)
	if err != nil {
		return proposal{}, err
	}
	if !known.Exists {
		return proposal{}, notApplicable("the Service is not in the cluster; run the workflow first")
	}
	change, comments := f.suggest(on, known)
	doc, err := f.render(on.changed(change))
	if err != nil {
		return proposal{}, err
	}
	live, err := asJSON(map[string]any{"spec": known.Service.Spec})
	if err != nil {
		return proposal{}, err
	}
	p := proposal{docs: documents{doc}, comments: comments, free: "spec." + f.part, live: live[0]}
	switch f.part {
	case "selector":
		p.name = "Correct the selector"
		p.description = "Has the Service select the pods of its workload, in the drawing and in the cluster."
	default:
		p.name = "Correct the ports"
		p.description = "Leads the ports of the Service to ports of its pods, in the drawing and in the cluster."
	}
	return p, nil
}

// suggest returns what to change of the node, if anything can be told, and what helps
// a person to decide.
func (f serviceFix) suggest(on subject, known findings.Facts) (change models.Data, comments []string) {
	if f.part == "selector" {
		return suggestSelector(on, known)
	}
	declared := findings.ContainerPorts(known.Pods)
	if len(declared) == 0 {
		return nil, []string{"the containers of the selected pods declare no ports"}
	}
	for _, p := range declared {
		comments = append(comments, fmt.Sprintf("the containers have port %d %s", p.ContainerPort, p.Name))
	}
	return suggestPort(on.node.Data, declared), comments
}

// suggestSelector names the only workload of the drawing in the Service's namespace
// where the Service selects nothing and names none of them.
func suggestSelector(on subject, known findings.Facts) (change models.Data, comments []string) {
	var apps []string
	for _, n := range on.workflow.Nodes {
		serves := slices.Contains([]string{kinds.TypeDeployment, kinds.TypeStatefulSet, kinds.TypeDaemonSet}, n.Type)
		if name := n.Data.String("name"); serves && name != "" && kinds.NamespaceOf(n.Data) == on.namespace() {
			apps = append(apps, name)
			comments = append(comments, "the pods of "+n.Type+" "+name+" have the label app: "+name)
		}
	}
	if len(known.Pods) == 0 && len(apps) == 1 && apps[0] != on.node.Data.String("targetApp") {
		return models.Data{"targetApp": apps[0], "selector": nil}, comments
	}
	return nil, comments
}

// apply finds the change of the node by which it is drawn as the document says, saves it
// and applies the object.
func (f serviceFix) apply(ctx context.Context, on subject, docs documents, dryRun bool) (outcome, error) {
	change, err := f.changeFor(on, docs[0])
	if err != nil {
		return outcome{}, err
	}
	return f.deploy(ctx, on, change, dryRun)
}

// deploy saves a change of the node and applies its object. A cluster that refuses it
// leaves the drawing as it was.
func (f serviceFix) deploy(ctx context.Context, on subject, change models.Data, dryRun bool) (outcome, error) {
	before, after := models.Data{}, models.Data{}
	for _, key := range f.dataKeys() {
		if v, changes := change[key]; changes && !sameValue(v, on.node.Data[key]) {
			before[key], after[key] = on.node.Data[key], v
		}
	}
	out := outcome{data: after, record: models.FixRecord{Cluster: on.workflow.ClusterRef}}
	err := errors.Join(encode(before, &out.record.Before), encode(after, &out.record.After))
	if err == nil {
		out.changes, err = f.applyNode(ctx, on.changed(after).workflow, on.node.ID, true)
	}
	if err != nil || dryRun {
		out.message = "this is what the fix would do; nothing was changed"
		return out, err
	}
	saved := on.workflow
	if len(after) > 0 {
		if saved, err = f.save(ctx, on, after); err != nil {
			return outcome{}, err
		}
	}
	if out.changes, err = f.applyNode(ctx, saved, on.node.ID, false); err != nil && len(after) > 0 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diagnosisTime)
		defer cancel()
		on.workflow = saved
		_, serr := f.save(ctx, on, before)
		return outcome{}, errors.Join(err, serr)
	}
	out.message = f.message(out)
	return out, err
}

func (f serviceFix) applyNode(ctx context.Context, w models.Workflow, nodeID string, dryRun bool) ([]models.ObjectChange, error) {
	changes, err := f.deps.Deploy.ApplyNode(ctx, w, nodeID, dryRun)
	if err != nil {
		return nil, clusterFailure("diagnostics.serviceFix.applyNode", err)
	}
	return applied(changes)
}

func (f serviceFix) message(out outcome) string {
	switch {
	case len(out.data) > 0:
		return fmt.Sprintf("the %s of the Service were changed in the drawing and in the cluster; load the drawing again before you change it", f.part)
	case slices.ContainsFunc(out.changes, func(c models.ObjectChange) bool { return c.Action != "unchanged" }):
		return "the Service is in the cluster as it is drawn again"
	}
	return "the Service is as it was: it is drawn like this already"
}

// maxSaves bounds the attempts to save beside people who save at the same time.
const maxSaves = 5

// save stores a change of the node on top of what others have saved meanwhile.
func (f serviceFix) save(ctx context.Context, on subject, change models.Data) (models.Workflow, error) {
	w := on.workflow
	for try := 0; ; try++ {
		i := slices.IndexFunc(w.Nodes, func(n models.Node) bool { return n.ID == on.node.ID })
		if i < 0 {
			return w, &models.Error{Op: "diagnostics.serviceFix.save", Kind: models.Conflict, Msg: "the node was removed from the drawing meanwhile"}
		}
		nodes := subject{w, w.Nodes[i]}.changed(change).workflow.Nodes
		saved, _, err := f.deps.Drawings.Update(ctx, w.OwnerID, w.ID, models.WorkflowPatch{Nodes: &nodes, IfRevision: &w.Revision})
		if err == nil || models.KindOf(err) != models.Conflict || try == maxSaves {
			return saved, err
		}
		if w, err = f.deps.Workflows.Get(ctx, w.OwnerID, w.ID); err != nil {
			return w, err
		}
	}
}

// undo gives the node the data back that it had, if nobody has changed that since.
func (f serviceFix) undo(ctx context.Context, on subject, r models.FixRecord) (outcome, error) {
	var before, after models.Data
	if err := errors.Join(json.Unmarshal(r.Before, &before), json.Unmarshal(r.After, &after)); err != nil {
		return outcome{}, err
	}
	for key, v := range after {
		if !sameValue(on.node.Data[key], v) {
			return outcome{}, &models.Error{
				Op: "diagnostics.serviceFix.undo", Kind: models.Conflict,
				Msg: "field " + key + " of the node was changed since the fix; change it by hand",
			}
		}
	}
	out, err := f.deploy(ctx, on, before, false)
	if err == nil {
		out.message = "the fix was taken back, in the drawing and in the cluster; load the drawing again before you change it"
	}
	return out, err
}

func encode(v models.Data, into *[]byte) (err error) {
	*into, err = json.Marshal(v)
	return err
}

// sameValue compares values that went through JSON or a database.
func sameValue(a, b any) bool {
	x, errx := asJSON(map[string]any{"v": a})
	y, erry := asJSON(map[string]any{"v": b})
	return errx == nil && erry == nil && reflect.DeepEqual(x, y)
}
