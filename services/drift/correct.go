package drift

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// A node is corrected so often within the window. Whoever changes it again would win
	// in the end, so that is the end.
	mostCorrections  = 3
	correctionWindow = 10 * time.Minute

	// correctionPause is the least time between two corrections of a node.
	correctionPause = 5 * time.Second
)

// correct undoes the drift of the nodes that may be corrected now. Corrections are
// counted in the database before they begin, so that neither a restart nor another
// server begins to count anew. It returns when to look again.
func (d *Detector) correct(ctx context.Context, w *watched, s models.DriftSighting) (again time.Duration, err error) {
	if !slices.ContainsFunc(w.record.Nodes, func(n models.NodeDrift) bool { return n.Drifted && state(n) != models.CorrectionRefused }) {
		return 0, nil
	}
	wf, err := d.deps.Workflows.ByID(ctx, s.WorkflowID)
	if err != nil || wf.Status != models.WorkflowPublished {
		return 0, err
	}
	if again, err = d.whileRunning(ctx, s); again > 0 || err != nil {
		return again, err
	}
	before := *w.record
	due, next, again := d.due(before, wf.LastRunAt)
	if err := d.store(ctx, w, s, next); err != nil || len(due) == 0 {
		return again, err
	}
	run, err := d.runs.Correct(ctx, s.WorkflowID, due)
	switch {
	case models.KindOf(err) == models.Conflict: // somebody runs the workflow
		return runPause, d.store(ctx, w, s, before)
	case err != nil:
		return correctionPause, d.noteFailure(ctx, w, s, due, models.MessageOf(err))
	case run.Status == models.RunFailed:
		return correctionPause, d.noteFailure(ctx, w, s, due, run.Error)
	}
	// The end of the run renews the watch, which tells what has become of the nodes.
	return max(again, correctionPause), nil
}

// due counts a correction for each node that may be corrected now, in a new record, and
// stops those that were corrected too often. A run by a person begins anew.
func (d *Detector) due(record models.DriftRecord, lastRun *time.Time) (nodes []string, next models.DriftRecord, again time.Duration) {
	now := d.now()
	next = record
	next.Nodes, next.Corrections = slices.Clone(record.Nodes), make(map[string][]time.Time)
	for node, times := range record.Corrections {
		if times = counted(times, now, lastRun); len(times) > 0 {
			next.Corrections[node] = times
		}
	}
	for i, n := range next.Nodes {
		times := next.Corrections[n.NodeID]
		stopped := state(n) == models.CorrectionStopped && !since(lastRun, n.Correction.LastAt)
		if !n.Drifted || state(n) == models.CorrectionRefused || stopped {
			continue
		}
		c := models.DriftCorrection{State: models.CorrectionBegun, Count: len(times)}
		switch {
		case len(times) >= mostCorrections:
			c.State, c.LastAt = models.CorrectionStopped, &times[len(times)-1]
			c.Message = fmt.Sprintf("was changed again after %d corrections within %d minutes, and is not corrected any more "+
				"until it is as it was deployed, or somebody runs the workflow", len(times), int(correctionWindow.Minutes()))
		case len(times) > 0 && now.Sub(times[len(times)-1]) < correctionPause:
			again = correctionPause - now.Sub(times[len(times)-1])
			continue
		default:
			times = append(slices.Clone(times), now)
			next.Corrections[n.NodeID] = times
			c.Count, c.LastAt = len(times), &now
			nodes = append(nodes, n.NodeID)
		}
		next.Nodes[i].Correction = &c
	}
	return nodes, next, again
}

// counted returns the corrections that count: those within the window, and after the
// last run by a person.
func counted(times []time.Time, now time.Time, lastRun *time.Time) []time.Time {
	return slices.DeleteFunc(slices.Clone(times), func(at time.Time) bool {
		return now.Sub(at) >= correctionWindow || since(lastRun, &at)
	})
}

// since reports whether a run began after a correction.
func since(lastRun, correction *time.Time) bool {
	return lastRun != nil && (correction == nil || lastRun.After(*correction))
}

// noteFailure stores why nodes could not be corrected.
func (d *Detector) noteFailure(ctx context.Context, w *watched, s models.DriftSighting, ids []string, why string) error {
	nodes := slices.Clone(w.record.Nodes)
	for i, n := range nodes {
		if slices.Contains(ids, n.NodeID) && n.Correction != nil {
			c := *n.Correction
			c.Message = "could not be corrected: " + why
			nodes[i].Correction = &c
		}
	}
	return d.storeNodes(ctx, w, s, nodes)
}
