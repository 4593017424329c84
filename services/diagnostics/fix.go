package diagnostics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
)

// undoTime is how long a fix can be undone.
const undoTime = 24 * time.Hour

// undoPurpose keeps the records of fixes apart from other things that can be taken once.
const undoPurpose = "fix"

// records keep what is needed to undo the last fix of a node.
type records interface {
	Put(ctx context.Context, purpose, code string, value any, expires time.Time) error
	Take(ctx context.Context, purpose, code string, now time.Time, value any) error
}

// subject is a Service node that is to be fixed.
type subject struct {
	workflow models.Workflow
	node     models.Node
}

func (on subject) namespace() string { return kinds.NamespaceOf(on.node.Data) }

func (on subject) key() string { return on.workflow.ID + "/" + on.node.ID }

// proposal is the content of a fix.
type proposal struct {
	name, description string
	comments          []string // lines before the YAML
	docs              documents
	free              string         // the part of the first document that may be changed
	live              map[string]any // its object in the cluster; nil: there is none
}

// fixer is how one type of fix works. Errors that are the caller's fault are Invalid.
type fixer interface {
	// propose returns the fix as it is offered, or why it is not applicable.
	propose(ctx context.Context, on subject) (proposal, error)
	// apply does what the documents say, which differ from the proposal's in what is
	// free only. With dryRun, the cluster judges it and nothing is changed.
	apply(ctx context.Context, on subject, docs documents, dryRun bool) (outcome, error)
	// undo takes a fix back.
	undo(ctx context.Context, on subject, before models.FixRecord) (outcome, error)
}

// outcome is what a fix has changed.
type outcome struct {
	message string
	changes []models.ObjectChange
	data    models.Data // keys of the node's data with their new values
	record  models.FixRecord
}

func (s *Service) fixer(fixType string) (fixer, error) {
	switch fixType {
	case models.FixSelector:
		return serviceFix{s, "selector"}, nil
	case models.FixPort:
		return serviceFix{s, "ports"}, nil
	case models.FixMetalLBPool:
		return poolFix{s}, nil
	}
	var p models.Problems
	p.Addf("fixType", "must be %s, %s or %s", models.FixSelector, models.FixPort, models.FixMetalLBPool)
	return nil, p.Err("diagnostics.Service.fixer")
}

// subject returns a node that can be fixed.
func (s *Service) subject(ctx context.Context, owner, id, nodeID string) (subject, error) {
	w, node, err := s.node(ctx, owner, id, nodeID)
	if err == nil && node.Type != kinds.TypeService {
		err = notApplicable("fixes are for service nodes, and this is a %s", node.Type)
	}
	return subject{w, node}, err
}

func notApplicable(format string, args ...any) error {
	return &models.Error{Op: "diagnostics.fix", Kind: models.Invalid, Msg: fmt.Sprintf(format, args...)}
}

// Template returns a fix for a node as it is offered. One that is not applicable is
// Invalid.
func (s *Service) Template(ctx context.Context, owner, id, nodeID, fixType string) (models.FixTemplate, error) {
	on, err := s.subject(ctx, owner, id, nodeID)
	if err != nil {
		return models.FixTemplate{}, err
	}
	f, err := s.fixer(fixType)
	if err != nil {
		return models.FixTemplate{}, err
	}
	ctx, done, err := s.begin(ctx, owner)
	if err != nil {
		return models.FixTemplate{}, err
	}
	defer done()
	p, err := f.propose(ctx, on)
	if err != nil {
		return models.FixTemplate{}, err
	}
	text, err := p.docs.printYAML(p.comments...)
	if err != nil {
		return models.FixTemplate{}, err
	}
	return models.FixTemplate{
		Name: p.name, Description: p.description, YAML: text, ApplyMethod: models.FixApplyMethod, FixType: fixType, Diff: p.diff(p.docs),
	}, nil
}

// Fix applies a fix to a node, and keeps what is needed to undo it. YAML that changes
// anything but what the fix is about is Invalid.
func (s *Service) Fix(ctx context.Context, owner, id, nodeID string, req models.FixRequest) (models.FixResult, error) {
	on, err := s.subject(ctx, owner, id, nodeID)
	if err != nil {
		return models.FixResult{}, err
	}
	f, err := s.fixer(req.FixType)
	if err != nil {
		return models.FixResult{}, err
	}
	posted, err := parseYAML(req.YAML)
	if err != nil {
		var p models.Problems
		p.Addf("yaml", "%s", err)
		return models.FixResult{}, p.Err("diagnostics.Service.Fix")
	}
	ctx, done, err := s.begin(ctx, owner)
	if err != nil {
		return models.FixResult{}, err
	}
	defer done()
	p, err := f.propose(ctx, on)
	if err != nil {
		return models.FixResult{}, err
	}
	if err := foreign(p.docs, posted, p.free).Err("diagnostics.Service.Fix"); err != nil {
		return models.FixResult{}, err
	}
	out, err := f.apply(ctx, on, posted, req.DryRun)
	if err != nil {
		return models.FixResult{}, err
	}
	res := resultOf(out, req.FixType, req.Mode)
	res.Diff = p.diff(posted)
	if res.DryRun = req.DryRun; res.DryRun {
		return res, nil
	}
	models.NoteForAudit(ctx, "fix", req.FixType)
	out.record.FixType, out.record.Mode = req.FixType, req.Mode
	res.UndoUntil = s.record(ctx, on, out.record)
	return res, nil
}

// record keeps what is needed to undo a fix. The fix is done, so that a failure only
// means that it cannot be undone.
func (s *Service) record(ctx context.Context, on subject, r models.FixRecord) *time.Time {
	now := s.deps.Now().UTC()
	r.Until = now.Add(undoTime)
	var before models.FixRecord
	_ = s.deps.Records.Take(ctx, undoPurpose, on.key(), now, &before) // only the last fix is undone
	if err := s.deps.Records.Put(ctx, undoPurpose, on.key(), r, r.Until); err != nil {
		s.deps.Log.WarnContext(ctx, "a fix cannot be undone", "workflow", on.workflow.ID, "node", on.node.ID, "err", err)
		return nil
	}
	return &r.Until
}

// Undo takes the last fix of a node back. It is NotFound without one, and a Conflict
// when what the fix changed was changed again.
func (s *Service) Undo(ctx context.Context, owner, id, nodeID string) (models.FixResult, error) {
	const op = "diagnostics.Service.Undo"
	on, err := s.subject(ctx, owner, id, nodeID)
	if err != nil {
		return models.FixResult{}, err
	}
	ctx, done, err := s.begin(ctx, owner)
	if err != nil {
		return models.FixResult{}, err
	}
	defer done()
	var r models.FixRecord
	if err := s.deps.Records.Take(ctx, undoPurpose, on.key(), s.deps.Now(), &r); err != nil {
		if models.KindOf(err) == models.NotFound {
			err = &models.Error{Op: op, Kind: models.NotFound, Msg: "there is no fix of this node that could be undone", Err: err}
		}
		return models.FixResult{}, err
	}
	f, err := s.fixer(r.FixType)
	if err != nil {
		return models.FixResult{}, err
	}
	out, err := f.undo(ctx, on, r)
	if err != nil {
		// It can be tried again. The context may be over.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diagnosisTime)
		defer cancel()
		if perr := s.deps.Records.Put(ctx, undoPurpose, on.key(), r, r.Until); perr != nil {
			s.deps.Log.WarnContext(ctx, "a fix cannot be undone any more", "workflow", id, "node", nodeID, "err", perr)
		}
		return models.FixResult{FixType: r.FixType, Mode: r.Mode}, err
	}
	models.NoteForAudit(ctx, "fix", r.FixType)
	return resultOf(out, r.FixType, r.Mode), nil
}

// begin takes a slot of the account and bounds the time.
func (s *Service) begin(ctx context.Context, owner string) (context.Context, func(), error) {
	release, err := s.slot(owner)
	if err != nil {
		return ctx, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, diagnosisTime)
	return ctx, func() { cancel(); release() }, nil
}

func resultOf(out outcome, fixType, mode string) models.FixResult {
	var lines []string
	for _, c := range out.changes {
		line := fmt.Sprintf("%s %s/%s %s", strings.ToLower(c.Kind), c.Namespace, c.Name, c.Action)
		lines = append(lines, strings.TrimSuffix(line+": "+c.Message, ": "))
	}
	return models.FixResult{
		Success: true, Message: out.message, Result: strings.Join(lines, "\n"), FixType: fixType, Mode: mode,
		Diff: []models.ObjectDiff{}, Changed: out.data,
	}
}
