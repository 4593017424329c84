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
	claims   string           // why a claim of its pods has no volume
	blocked  *Event           // what keeps a pod from starting or from being ready
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
var refused = regexp.MustCompile(`(?:^Error creating(?: job)?: |^create (?:Pod|Claim) .* failed error: )|[a-z.]+ "[^"]*" is forbidden: `)

func refusal(message string) string { return refused.ReplaceAllString(message, "") }

func (w workload) explain(events []*Event) facts {
	w.refused = cmp.Or(w.refused, refusedBy(events, w.kind))
	if e := newest(events, "PersistentVolumeClaim", "ProvisioningFailed", "ProvisioningSucceeded", "FailedBinding"); e != nil && e.Reason != "ProvisioningSucceeded" {
		w.claims = fmt.Sprintf("claim %q: %s", e.Name, e.Text)
	}
	w.blocked = newest(events, "Pod", "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "Unhealthy")
	return w
}

// message words a pod's problem for this workload. What a claim waits for is
// known of the claim alone; pods only tell that they cannot be scheduled.
func (w workload) message(c cause) string {
	text := c.message(w.desired)
	if c.Reason == "Unschedulable" && w.claims != "" {
		text += "; " + w.claims
	}
	return text
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
	c, hasProblem := mainProblem(pods)
	switch {
	case o.Deleting:
		return "partial", "Terminating", "is being deleted from the cluster"
	case !w.observed:
		return "partial", "", "the cluster has not taken up the last change yet"
	case w.desired == 0:
		return "healthy", "", ""
	case w.phase.status == kstatus.CurrentStatus && w.ready >= w.desired:
		return "healthy", "", ""
	case hasProblem && c.noneReady:
		return "error", c.Reason, w.message(c)
	case w.refused != "":
		return failing(w.ready), "FailedCreate", fmt.Sprintf("%s; the cluster refuses to make more: %s", w.count(), w.refused)
	case w.phase.status == kstatus.FailedStatus:
		message = w.count() + ", and no progress within the deadline"
		if hasProblem {
			message += "; " + w.message(c)
		}
		return "error", "ProgressDeadlineExceeded", message
	case hasProblem:
		return "partial", c.Reason, w.count() + "; " + w.message(c)
	case w.ready >= w.desired && w.updated < w.desired:
		return "partial", "", fmt.Sprintf("%d of %d pods run the new version", w.updated, w.desired)
	}
	return w.waiting(waitReason(pods))
}

// waiting is the state of a workload of whose pods none reports a problem.
func (w workload) waiting(waits string) (state, reason, message string) {
	message = w.count()
	if waits == "" {
		return "partial", "", message
	}
	message += "; " + waits
	if w.blocked == nil {
		return "partial", "", message
	}
	state = "partial"
	if w.blocked.lasts() {
		state = failing(w.ready)
	}
	return state, w.blocked.Reason, message + ": " + w.blocked.Text
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
