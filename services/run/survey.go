package run

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/plan"
)

// look reads what the cluster has of the objects of the plan, so that a run asks about
// nothing that is unchanged. A workflow that ran before finds most of them in one list
// for each kind, which pruning needs as well; for a new one that list is empty, and is
// read while objects are applied.
func (e *Executor) look(ctx context.Context, s *session, t clusterTarget) (<-chan ownedObjects, error) {
	inventory, err := e.inventory(ctx, s)
	if err != nil {
		return nil, err
	}
	here, _ := splitByPlace(inventory, s.place())
	s.remember(here)
	var owned <-chan ownedObjects
	var found []metav1.PartialObjectMetadata
	if len(s.remembered) > 0 {
		list := <-e.listOwned(ctx, s, t)
		if applier.IsOutage(list.err) {
			return nil, clusterFailure(list.err)
		}
		found = list.objects
		again := make(chan ownedObjects, 1)
		again <- list
		owned = again
	}
	if s.survey, err = t.Survey(ctx, refsIn(planned(s)), found); err != nil {
		return nil, clusterFailure(err)
	}
	if owned == nil {
		owned = e.listOwned(ctx, s, t)
	}
	s.readRevisions(s.plan.Steps)
	return owned, nil
}

// remember keeps what earlier runs left the objects as.
func (s *session) remember(inventory []models.OwnedObject) {
	s.remembered = make(map[objectKey]models.Applied, len(inventory))
	for i, ref := range refsIn(inventory) {
		if applied := inventory[i].Applied; !applied.IsZero() {
			s.remembered[keyOf(ref)] = applied
		}
	}
}

// rememberedOf returns what an earlier run left an object as.
func (s *session) rememberedOf(o *unstructured.Unstructured) applier.Remembered {
	r := s.remembered[keyOf(applier.RefOf(o))]
	return applier.Remembered{UID: types.UID(r.UID), Fields: r.Fields}
}

// request asks for an object of a step. Its pod template follows the values and
// settings that its containers read.
func (s *session) request(step plan.Step, o *unstructured.Unstructured) applier.Request {
	s.followSettings(o)
	return applier.Request{
		Object: o, Adopt: step.Adopt, Rerun: s.rerun(step.NodeID), Replace: s.mayReplace(step), Survey: s.survey, Remembered: s.rememberedOf(o),
	}
}

// mayReplace reports whether the person who started the run permits it to replace the
// objects of a node.
func (s *session) mayReplace(step plan.Step) bool { return slices.Contains(s.run.Replace, step.NodeID) }

// checkOwners fails the nodes with objects that belong to somebody else, before
// anything is written.
func (e *Executor) checkOwners(ctx context.Context, s *session, t clusterTarget) error {
	var reqs []applier.Request
	var from []*nodeWork
	for _, step := range s.plan.Steps {
		for _, o := range step.Objects {
			reqs = append(reqs, s.request(step, o))
			from = append(from, &nodeWork{step: step})
		}
		if v := step.Values; v != nil && (step.Adopt || len(s.values(step.NodeID, v)) > 0) { // else it is left alone
			reqs = append(reqs, s.request(step, v.Object))
			from = append(from, &nodeWork{step: step})
		}
	}
	for i, err := range t.CheckOwners(ctx, reqs) {
		if err != nil && !s.failed(from[i].step.NodeID) {
			from[i].note(s, applier.Refused(applier.RefOf(reqs[i].Object), err))
			e.conclude(ctx, s, from[i])
		}
	}
	return s.verdict()
}

func (s *session) failed(nodeID string) bool { return s.state(nodeID).Status == models.NodeFailed }

// applied returns what this run left an object as, or what an earlier one did.
func (s *session) applied(ref applier.Ref) models.Applied {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, ok := s.left[keyOf(ref)]; ok {
		return now
	}
	return s.remembered[keyOf(ref)]
}

// touch notes that the run applied an object of a node.
func (s *session) touch(nodeID string, c applier.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	version := s.version
	if s.run.Action == models.RunCorrect { // each node stays at its version
		version = s.remembered[keyOf(c.Ref)].Version
	}
	s.touched = append(s.touched, c.Ref)
	if c.Kind == "StatefulSet" && (c.Action == applier.Configured || s.recovered != nil) {
		s.updated = append(s.updated, c.Ref)
	}
	s.left[keyOf(c.Ref)] = models.Applied{NodeID: nodeID, Version: version, UID: string(c.UID), Fields: c.Fields}
}
