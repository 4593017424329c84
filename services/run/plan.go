package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/services/plan"
)

// planTarget tells what a run would do in a cluster. Its calls change nothing, also
// those of clusterTarget.
type planTarget interface {
	clusterTarget
	Preview(ctx context.Context, reqs []applier.Request, done func(int, applier.Preview))
	PreviewValues(ctx context.Context, req applier.ValuesRequest) (applier.Preview, applier.ValuesState)
	Read(ctx context.Context, refs []applier.Ref, done func(int, *unstructured.Unstructured))
}

// Plan returns what Run would do for one of owner's workflows as it is saved now, and
// does nothing of it. The workflow need not be published yet. What a run would refuse
// is in the plan; an error means that there is no plan: the drawing has problems, the
// cluster is not open to the owner, or does not answer in time. Typed values go to
// the API server with the same requests as in a run, and nowhere else.
func (e *Executor) Plan(
	ctx context.Context, owner, id string, typed models.TriggerData, o models.RunOptions,
) (models.RunPlan, error) {
	release, err := e.takePlan(owner)
	if err != nil {
		return models.RunPlan{}, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(kubernetes.ProbeEarly(ctx), e.opts.PlanDeadline)
	defer cancel()
	w, err := e.deps.Workflows.Get(ctx, owner, id)
	if err != nil {
		return models.RunPlan{}, err
	}
	if w.Status == models.WorkflowArchived {
		return models.RunPlan{}, &models.Error{
			Op: "run.Executor.Plan", Kind: models.Invalid, Msg: "the workflow is archived; make it a draft or publish it before planning a run",
		}
	}
	p, err := e.planOf(ctx, w)
	if err != nil {
		return models.RunPlan{}, err
	}
	if err := checkReplace(p, o.Replace); err != nil {
		return models.RunPlan{}, err
	}
	v, err := e.previewOf(ctx, w, p, typed, o)
	if err == nil {
		err = v.run(ctx)
	}
	if err != nil {
		return models.RunPlan{}, e.planFailure(ctx, err)
	}
	models.NoteForAudit(ctx, "cluster", w.ClusterID)
	return v.plan, nil
}

// takePlan takes one of the places for plans that are made at the same time. Each
// holds objects of a cluster in memory.
func (e *Executor) takePlan(owner string) (release func(), err error) {
	busy := &models.Error{Op: "run.Executor.Plan", Kind: models.TooMany, RetryAfter: time.Second}
	own, ok := e.accountPlans.Take(owner)
	if !ok {
		busy.Msg = fmt.Sprintf("%d plans of yours are being made; try again when one is done", e.opts.AccountPlans)
		return nil, busy
	}
	all, ok := e.plans.Take("")
	if !ok {
		own()
		busy.Msg = "too many plans are being made at this moment; try again shortly"
		return nil, busy
	}
	return func() { all(); own() }, nil
}

// planFailure says of an error of the cluster that it keeps a plan from being made.
func (e *Executor) planFailure(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &models.Error{
			Op: "run.Executor.Plan", Kind: models.Unavailable, RetryAfter: time.Second, Err: err,
			Msg: fmt.Sprintf("the cluster did not answer all questions of the plan within %s; try again", e.opts.PlanDeadline),
		}
	}
	if known, ok := errors.AsType[*models.Error](err); ok {
		return known
	}
	return &models.Error{
		Op: "run.Executor.Plan", Kind: models.Unavailable, Err: err,
		Msg: "the cluster of the workflow does not answer: " + kubernetes.Translate(err).Message,
	}
}

// connectDry is connect for a target that changes nothing.
func (e *Executor) connectDry(ctx context.Context, g models.ClusterGrant, workflowID string) (planTarget, error) {
	conn, err := e.deps.Clusters.ConnectionTo(ctx, g)
	if err != nil {
		return nil, err
	}
	return applier.New(conn, e.applierOptions(ctx, g, workflowID)).DryRun(), nil
}

// previewOf prepares a look at what a run of p would do in the cluster of w.
func (e *Executor) previewOf(
	ctx context.Context, w models.Workflow, p *plan.Plan, typed models.TriggerData, o models.RunOptions,
) (*preview, error) {
	g, err := e.grantFor(ctx, w)
	if err != nil {
		return nil, err
	}
	t, err := e.planTarget(ctx, g, w.ID)
	if err != nil {
		return nil, err
	}
	w.ClusterRef = g.Cluster.ID
	run := e.newRun(w, models.RunDeploy)
	run.FailurePolicy, run.Replace = o.FailurePolicy, o.Replace
	s := newSession(run, p, typed, e.now)
	s.workflow, s.grant = w, &g
	v := &preview{exec: e, session: s, target: t, refused: map[string]string{}}
	v.plan = models.RunPlan{
		WorkflowID: w.ID, Cluster: w.ClusterID, ETag: models.ETag(w.Revision), PlannedAt: e.now(),
		Namespaces: []models.PlanNamespace{}, Nodes: []models.NodePlan{}, Left: []models.ObjectDiff{}, Notes: []string{},
	}
	return v, v.checkPlacement(ctx, g)
}
