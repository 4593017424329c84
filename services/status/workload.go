package status

import (
	"cmp"
	"fmt"
	"regexp"

	kstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// workload are the facts of what keeps a number of pods running.
type workload struct {
	desired  int64
	ready    int64
	updated  int64 // pods of the newest version
	observed bool  // the controller has seen the present spec
	phase    phase
	kind     string           // of the object
	refused  string           // why the cluster lets no pod be made, e.g. for a quota
	halted   bool             // refused holds for the present spec, even if it was not observed
	events   []*Event         // of the object, its pods and their claims
	figures  map[string]int64 // what the node's type shows
}

// replicated returns the facts that a Deployment and a StatefulSet have in
// common.
func replicated(u *unstructured.Unstructured) workload {
	o := object(u.Object)
	st := o.at("status")
	return workload{
		kind:     u.GetKind(),
		desired:  o.at("spec").numberOr("replicas", 1),
		ready:    st.number("readyReplicas"),
		updated:  st.number("updatedReplicas"),
		observed: o.observed(),
		phase:    phaseOf(u),
	}
}

func extractDeployment(u *unstructured.Unstructured) facts {
	o, w := object(u.Object), replicated(u)
	if c := o.condition("ReplicaFailure"); c.status == "True" {
		w.refused = refusal(c.message)
	}
	if c := o.condition("Progressing"); c.status == "False" && c.reason == "ReplicaSetCreateError" {
		w.refused, w.halted = refusal(c.message), true // the controller gets no further
	}
	w.figures = map[string]int64{"replicas": w.desired, "readyReplicas": w.ready}
	return w
}

func extractStatefulSet(u *unstructured.Unstructured) facts {
	w := replicated(u)
	current := object(u.Object).at("status").number("currentReplicas")
	w.figures = map[string]int64{"replicas": w.desired, "readyReplicas": w.ready, "currentReplicas": current}
	return w
}

func extractDaemonSet(u *unstructured.Unstructured) facts {
	o := object(u.Object)
	st := o.at("status")
	w := workload{
		kind:     u.GetKind(),
		desired:  st.number("desiredNumberScheduled"),
		ready:    st.number("numberReady"),
		updated:  st.number("updatedNumberScheduled"),
		observed: o.observed(),
		phase:    phaseOf(u),
	}
	w.figures = map[string]int64{
		"numberReady": w.ready, "desiredNumberScheduled": w.desired, "numberAvailable": st.number("numberAvailable"),
	}
	return w
}

// refused is how a message of a failed creation begins. The name in it is
// another one with each try, which would make the message change for ever.
//
//nolint:gochecknoglobals // compiled once, never written
var refused = regexp.MustCompile(`(?:^Error creating(?: job)?: |^create (?:Pod|Claim) .* failed error: |^Failed to create new replica set "[^"]*": )|[a-z.]+ "[^"]*" is forbidden: `)

func refusal(message string) string { return refused.ReplaceAllString(message, "") }

func (w workload) explain(events []*Event) facts {
	w.refused = cmp.Or(w.refused, refusedBy(events, w.kind))
	w.events = events
	return w
}

func (w workload) status(o *Object, pods []*Pod) Status {
	s := make(Status, len(w.figures)+3)
	for k, n := range w.figures {
		s[k] = n
	}
	state, reason, message := w.evaluate(o, pods)
	s["state"] = state
	return with(s, reason, message)
}

// evaluate is the table of a workload's states. Facts that contradict each other
// are common while controllers work, so the order of the rows counts.
func (w workload) evaluate(o *Object, pods []*Pod) (state, reason, message string) {
	c, hasProblem := mainProblem(pods, w.events)
	switch {
	case o.Deleting:
		return "partial", "Terminating", "is being deleted from the cluster"
	case !w.observed && !w.halted:
		return "partial", "", "the cluster has not taken up the last change yet"
	case w.desired == 0:
		return "healthy", "", ""
	case w.phase.status == kstatus.CurrentStatus && w.ready >= w.desired:
		return "healthy", "", ""
	case hasProblem && c.noneReady:
		return "error", c.Reason, c.message(w.desired)
	case w.refused != "":
		return failing(w.ready), "FailedCreate", fmt.Sprintf("%s; the cluster refuses to make more: %s", w.count(), w.refused)
	case w.phase.status == kstatus.FailedStatus:
		message = w.count() + ", and no progress within the deadline"
		if hasProblem {
			message += "; " + c.message(w.desired)
		}
		return "error", "ProgressDeadlineExceeded", message
	case hasProblem:
		return "partial", c.Reason, w.count() + "; " + c.message(w.desired)
	case w.ready >= w.desired && w.updated < w.desired:
		return "partial", "", fmt.Sprintf("%d of %d pods run the new version", w.updated, w.desired)
	}
	return w.waiting(blockedBy(w.events, pods))
}

// waiting is the state of a workload of whose pods none reports a problem.
func (w workload) waiting(blocked *Event, waits wait) (state, reason, message string) {
	message = w.count()
	if waits == noWait {
		return "partial", "", message
	}
	message += "; " + string(waits)
	if blocked == nil {
		return "partial", "", message
	}
	state = "partial"
	if blocked.lasts() {
		state = failing(w.ready)
	}
	return state, blocked.Reason, message + ": " + blocked.Text
}

func (w workload) count() string {
	return fmt.Sprintf("%d of %d pods ready", w.ready, w.desired)
}

// failing is the state of a workload with a failure: it is an error only
// where no pod of it is ready.
func failing(ready int64) string {
	if ready > 0 {
		return "partial"
	}
	return "error"
}
