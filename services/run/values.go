package run

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/services/plan"
)

const valueWorkers = 8

// applyValues merges typed values into the Secrets of work. Failures are noted at
// their nodes; the returned error is a fault of the server.
func (e *Executor) applyValues(ctx context.Context, s *session, t clusterTarget, work []*nodeWork) error {
	var group errgroup.Group
	group.SetLimit(valueWorkers)
	for _, w := range work {
		v := w.step.Values
		if v == nil {
			continue
		}
		s.dropUnlisted(ctx, w.step.NodeID, v)
		group.Go(func() error {
			return recovered(func() error {
				change, state := t.ApplyValues(ctx, s.valuesRequest(w.step))
				s.noteValues(w, change, state)
				return nil
			})
		})
	}
	return group.Wait()
}

// valuesRequest asks for the Secret of a node. The node's label selects the
// Secret that it had under a former name.
func (s *session) valuesRequest(step plan.Step) applier.ValuesRequest {
	v := step.Values
	return applier.ValuesRequest{
		Object: v.Object, Keys: v.Keys, Values: s.values(step.NodeID, v), Adopt: step.Adopt,
		Former:  map[string]string{plan.NodeIDLabel: plan.NodeLabel(step.NodeID)},
		Replace: s.mayReplace(step), Survey: s.survey, Remembered: s.rememberedOf(v.Object),
	}
}

// noteValues notes what was done to the Secret of one node.
func (s *session) noteValues(w *nodeWork, change applier.Change, state applier.ValuesState) {
	v := w.step.Values
	if change.Action != applier.Skipped || !v.Env { // nothing typed for optional variables is nothing to tell
		w.note(s, change)
	}
	if w.failure == "" {
		w.failure = s.lostValues(w.step.NodeID, state)
	}
	if w.failure != "" {
		return
	}
	s.mu.Lock()
	s.revisions[v.Object.GetNamespace()+"/"+v.Object.GetName()] = state.Revision
	s.mu.Unlock()
	if len(state.Missing) > 0 {
		s.logf("%s %s: no value typed yet for %s", w.step.Type, w.step.Name, strings.Join(state.Missing, ", "))
	}
	if !v.Env {
		// The Secret is the node's own object, and has been dealt with.
		w.waiting = !state.Exists
		w.step.Objects = slices.DeleteFunc(slices.Clone(w.step.Objects), func(o *unstructured.Unstructured) bool {
			return applier.RefOf(o) == applier.RefOf(v.Object)
		})
	}
}

// typedFor returns what was typed for a node.
func (s *session) typedFor(nodeID string, v *kinds.Values) map[string]models.Secret {
	if v.Env {
		return s.typed.EnvVars[nodeID]
	}
	return s.typed.Secrets[nodeID]
}

// values returns what was typed for the keys that the node lists.
func (s *session) values(nodeID string, v *kinds.Values) map[string]string {
	values := map[string]string{}
	for key, value := range s.typedFor(nodeID, v) {
		if slices.Contains(v.Keys, key) {
			values[key] = value.Reveal()
		}
	}
	return values
}

// dropUnlisted logs typed values whose keys the saved drawing does not list, such
// as a key that was added after the last save. It stops when ctx ends.
func (s *session) dropUnlisted(ctx context.Context, nodeID string, v *kinds.Values) {
	for key, value := range s.typedFor(nodeID, v) {
		if ctx.Err() != nil || s.logFull() {
			return
		}
		if !value.Empty() && !slices.Contains(v.Keys, key) {
			s.logf("node %q: the value for %q was not used, because the saved workflow does not list that key", nodeID, key)
		}
	}
}

// lostValues returns a text when values were typed for a run that another process
// began, and did not reach the cluster before that process stopped.
func (s *session) lostValues(nodeID string, state applier.ValuesState) string {
	if s.recovered == nil || s.recovered[nodeID].Status == models.NodeCompleted {
		return ""
	}
	for _, typed := range s.run.TriggerData.Typed {
		if typed.NodeID != nodeID {
			continue
		}
		missing := slices.DeleteFunc(slices.Clone(typed.Keys), func(k string) bool { return !slices.Contains(state.Missing, k) })
		if len(missing) > 0 {
			return fmt.Sprintf("the server restarted before the values of %s reached the cluster; type them again and run once more",
				strings.Join(missing, ", "))
		}
	}
	return ""
}
