package watcher

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/status"
)

// drifts is told what is not as the runs of watched workflows left it. Its methods do
// not block.
type drifts interface {
	// Seen is told when the watch of a workflow begins or is renewed, and whenever the
	// differences change.
	Seen(models.DriftSighting)
	// Unwatched says that nothing more is seen of a workflow.
	Unwatched(workflowID string)
	// Retired says that a workflow has nothing in a cluster, or was deleted.
	Retired(workflowID string)
}

// noDrifts is where nobody wants to know.
type noDrifts struct{}

func (noDrifts) Seen(models.DriftSighting) {}
func (noDrifts) Unwatched(string)          {}
func (noDrifts) Retired(string)            {}

// marked adds to an extract whether somebody has changed the object.
func marked(extract *status.Object, o metav1.Object) *status.Object {
	m := applier.MarksOf(applier.DefaultOptions(nil).Manager, o)
	extract.Fields, extract.Others, extract.State = m.Fields, m.Others, m.State
	return extract
}

// compareAll compares the objects of all workflows.
func (w *resourceWatcher) compareAll() {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for label := range w.tracked {
		w.compared.Add(label, 0)
	}
}

// compare tells what is not as the runs of a workflow left it, once all kinds have been
// read, unless that was told already.
func (w *resourceWatcher) compare(label string) {
	w.mu.RLock()
	t := w.tracked[label]
	if t == nil {
		w.mu.RUnlock()
		return
	}
	seen, complete := w.sighting(t)
	w.mu.RUnlock()
	if !complete || t.told != nil && slices.Equal(t.told.Suspects, seen.Suspects) {
		return
	}
	t.told = &seen
	w.drifts.Seen(seen)
}

// sighting compares the objects that were applied with those that the informers have.
// The caller holds w.mu.
func (w *resourceWatcher) sighting(t *trackedWorkflow) (s models.DriftSighting, complete bool) {
	s = models.DriftSighting{WorkflowID: t.id, By: w.by, ReadAt: t.readAt}
	for _, o := range t.applied {
		kind := w.kinds[o.resource]
		if kind == nil || !kind.Synced() && !kind.Failed() {
			return s, false
		}
		suspect := models.DriftSuspect{Object: o.OwnedObject}
		switch live, there := kind.Get(o.Namespace, o.Name); {
		case !kind.Synced():
			suspect.Unknown = true
		case there && live.UID == o.Applied.UID && live.Fields == o.Applied.Fields && live.Others == "":
			continue
		case there:
			suspect.UID, suspect.Fields, suspect.Others, suspect.State = live.UID, live.Fields, live.Others, live.State
		}
		s.Suspects = append(s.Suspects, suspect)
	}
	return s, true
}
