package drift

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
)

// mostDetails is how many nodes one comparison tells with all details. Pages read the
// rest when somebody looks.
const mostDetails = 50

// check compares what is seen of a workflow with what is stored, and corrects what is to
// be corrected. It returns when to look again; 0: when something changes.
func (d *Detector) check(ctx context.Context, w *watched) (again time.Duration, err error) {
	s := d.sightingOf(w)
	if w.record == nil || !w.readAt.Equal(s.ReadAt) {
		if err := d.read(ctx, w, s); err != nil {
			return 0, err
		}
	}
	if w.record.Mode == models.DriftOff {
		return 0, d.storeNodes(ctx, w, s, nil)
	}
	marks := marksByNode(s.Suspects)
	maps.DeleteFunc(w.answered, func(node, _ string) bool { return !isSuspect(marks, node) })
	var open []string
	for _, node := range slices.Sorted(maps.Keys(marks)) {
		if marks[node] != "" && w.answered[node] != marks[node] {
			open = append(open, node)
		}
	}
	if len(open) > 0 || slices.ContainsFunc(w.record.Nodes, func(n models.NodeDrift) bool { return !isSuspect(marks, n.NodeID) }) {
		if again, err = d.compare(ctx, w, s, open, marks); again > 0 || err != nil {
			return again, err
		}
	}
	d.mu.Lock()
	if w.sighting.ReadAt.Equal(s.ReadAt) && slices.Equal(w.sighting.Suspects, s.Suspects) {
		w.checkedAt = d.now()
	}
	d.mu.Unlock()
	if w.record.Mode == models.DriftCorrect {
		return d.correct(ctx, w, s)
	}
	return 0, nil
}

func (d *Detector) now() time.Time { return models.StoredTime(d.deps.Now()) }

func (d *Detector) sightingOf(w *watched) models.DriftSighting {
	d.mu.Lock()
	defer d.mu.Unlock()
	return w.sighting
}

// read reads the record of a workflow, and sees to it that servers before this one do
// not change it any more.
func (d *Detector) read(ctx context.Context, w *watched, s models.DriftSighting) error {
	record, err := d.deps.Records.Raise(ctx, s.WorkflowID, s.By)
	if err != nil {
		return err
	}
	if w.record == nil || !maps.EqualFunc(w.record.Ignored, record.Ignored, slices.Equal) || w.record.Mode != record.Mode {
		clear(w.answered)
	}
	w.record, w.readAt = &record, s.ReadAt
	return nil
}

// marksByNode joins what is seen of the suspects of each node. It is empty for a node
// with objects that cannot be read, of which nothing can be said.
func marksByNode(suspects []models.DriftSuspect) map[string]string {
	marks := make(map[string]string)
	unknown := make(map[string]bool)
	for _, s := range suspects {
		o := s.Object
		unknown[o.Applied.NodeID] = unknown[o.Applied.NodeID] || s.Unknown
		marks[o.Applied.NodeID] += strings.Join([]string{
			o.APIVersion, o.Kind, o.Namespace, o.Name, o.Applied.UID, o.Applied.Fields, s.UID, s.Fields, s.Others, s.State, "",
		}, "\n")
	}
	for node := range unknown {
		if unknown[node] {
			marks[node] = ""
		}
	}
	return marks
}

func isSuspect(marks map[string]string, node string) bool {
	_, is := marks[node]
	return is
}

// compare asks what a run would do for the open nodes, and stores how they have drifted.
// Nothing is known while a run changes the objects, so it then returns when to look
// again.
func (d *Detector) compare(
	ctx context.Context, w *watched, s models.DriftSighting, open []string, marks map[string]string,
) (again time.Duration, err error) {
	if pause := askPause - d.deps.Now().Sub(w.asked); len(open) > 0 && pause > 0 {
		return pause, nil
	}
	if again, err = d.whileRunning(ctx, s); again > 0 || err != nil {
		return again, err
	}
	var plans []models.NodePlan
	if len(open) > 0 {
		w.asked = d.deps.Now()
		if plans, err = d.runs.PreviewDeployed(ctx, s.WorkflowID, open); err != nil {
			return 0, err
		}
		if again, err = d.whileRunning(ctx, s); again > 0 || err != nil {
			return again, err
		}
	}
	nodes := make(map[string]models.NodeDrift)
	for _, n := range w.record.Nodes {
		if isSuspect(marks, n.NodeID) && !slices.Contains(open, n.NodeID) {
			nodes[n.NodeID] = n
		}
	}
	for _, plan := range plans {
		if n := d.nodeDrift(w.record, plan); n != nil {
			nodes[n.NodeID] = *n
		}
	}
	if err := d.storeNodes(ctx, w, s, sorted(nodes)); err != nil {
		return 0, err
	}
	for _, node := range open {
		w.answered[node] = marks[node]
	}
	return 0, nil
}

// whileRunning returns when to look again while a run is in progress, or has ended since
// what was applied was read: the watch is renewed then.
func (d *Detector) whileRunning(ctx context.Context, s models.DriftSighting) (again time.Duration, err error) {
	running, err := d.runs.Running(ctx, s.WorkflowID)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.watched[s.WorkflowID]
	if running || now == nil || !now.sighting.ReadAt.Equal(s.ReadAt) {
		return runPause, err
	}
	return 0, err
}

// nodeDrift returns the drift of a node, which began when it was first seen.
func (d *Detector) nodeDrift(record *models.DriftRecord, plan models.NodePlan) *models.NodeDrift {
	n := nodeDrift(plan, record.Ignored[plan.NodeID], d.now())
	if n == nil {
		return nil
	}
	if before := nodeIn(record.Nodes, plan.NodeID); before != nil {
		if before.Drifted == n.Drifted {
			n.Since = before.Since
		}
		if n.Drifted && record.Mode == models.DriftCorrect && state(*before) != models.CorrectionRefused {
			n.Correction = before.Correction
		}
	}
	if why := refusal(*n); why != "" && n.Drifted && record.Mode == models.DriftCorrect {
		n.Correction = &models.DriftCorrection{State: models.CorrectionRefused, Message: why}
	}
	return n
}

func nodeIn(nodes []models.NodeDrift, id string) *models.NodeDrift {
	i := slices.IndexFunc(nodes, func(n models.NodeDrift) bool { return n.NodeID == id })
	if i < 0 {
		return nil
	}
	return &nodes[i]
}

func sorted(nodes map[string]models.NodeDrift) []models.NodeDrift {
	list := make([]models.NodeDrift, 0, len(nodes))
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		list = append(list, nodes[id])
	}
	return list
}

func (d *Detector) storeNodes(ctx context.Context, w *watched, s models.DriftSighting, nodes []models.NodeDrift) error {
	next := *w.record
	next.Nodes = boundedAll(nodes)
	return d.store(ctx, w, s, next)
}

// store stores the record of a workflow, and then tells what is new of its nodes, so that
// readers of the event find it stored. It does nothing when that is nothing.
func (d *Detector) store(ctx context.Context, w *watched, s models.DriftSighting, next models.DriftRecord) error {
	updates, news := changes(w.record.Nodes, next.Nodes)
	if len(updates) == 0 {
		return nil
	}
	at := d.now()
	next.CheckedAt = &at
	err := d.held.WhileHeld(s.By, func() error {
		findings := models.DriftFindings{Nodes: next.Nodes, Corrections: next.Corrections, CheckedAt: at}
		if err := d.deps.Records.Store(ctx, s.WorkflowID, s.By, findings); err != nil {
			return err
		}
		for _, u := range updates {
			d.publish(ctx, s.WorkflowID, u)
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.record = &next
	d.tell(ctx, s.WorkflowID, news)
	return nil
}

// changes returns what readers of the stream are told, and the nodes of which the owner
// is told: those that have drifted now, or are not corrected any more.
func changes(before, now []models.NodeDrift) (updates []models.DriftUpdate, news []models.NodeDrift) {
	for _, n := range before {
		if nodeIn(now, n.NodeID) == nil {
			updates = append(updates, models.DriftUpdate{NodeID: n.NodeID})
		}
	}
	details := 0
	for _, n := range now {
		was := nodeIn(before, n.NodeID)
		if was != nil && same(*was, n) {
			continue
		}
		if n.Drifted && (was == nil || !was.Drifted || state(*was) != state(n) && state(n) == models.CorrectionStopped) {
			news = append(news, n)
		}
		if details++; details > mostDetails {
			n = brief(n)
		}
		updates = append(updates, models.DriftUpdate{NodeID: n.NodeID, Drift: &n})
	}
	return updates, news
}

func state(n models.NodeDrift) string {
	if n.Correction == nil {
		return ""
	}
	return n.Correction.State
}

// tell tells the owner of a workflow of news.
func (d *Detector) tell(ctx context.Context, workflowID string, news []models.NodeDrift) {
	if len(news) == 0 {
		return
	}
	wf, err := d.deps.Workflows.ByID(ctx, workflowID)
	if err == nil {
		err = d.deps.Notifier.Drifted(ctx, wf, news)
	}
	if err != nil {
		d.deps.Log.WarnContext(ctx, "nobody was told of drift", "workflow", workflowID, "err", err)
	}
}
