package status

import (
	"cmp"

	kstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// custom are the facts of an object whose kind is an operator's.
type custom struct {
	phase    phase
	replicas map[string]int64 // where it speaks of replicas at all
	events   []*Event         // of the object and its pods
}

func extractCustom(u *unstructured.Unstructured) facts {
	o := object(u.Object)
	c := custom{phase: phaseOf(u), replicas: make(map[string]int64)}
	if _, ok := o.at("spec")["replicas"]; ok {
		c.replicas["replicas"] = o.at("spec").number("replicas")
	}
	if _, ok := o.at("status")["readyReplicas"]; ok {
		c.replicas["readyReplicas"] = o.at("status").number("readyReplicas")
	}
	if failed := o.condition("Failed"); failed.status == "True" && c.phase.status != kstatus.TerminatingStatus {
		c.phase = phase{kstatus.FailedStatus, cmp.Or(failed.message, failed.reason)}
	}
	return c
}

func (c custom) explain(events []*Event) facts {
	c.events = events
	return c
}

func (c custom) status(_ *Object, pods []*Pod) Status {
	s := make(Status, len(c.replicas)+2)
	for k, n := range c.replicas {
		s[k] = n
	}
	switch c.phase.status {
	case kstatus.CurrentStatus:
		s["state"] = "healthy"
		return s
	case kstatus.FailedStatus:
		s["state"] = "error"
		return c.withWarning(s, cmp.Or(c.phase.message, "the operator reports a failure"))
	}
	s["state"] = "partial"
	if p, ok := mainProblem(pods, c.events); ok && p.noneReady {
		s["state"] = "error"
		return with(s, p.Reason, p.message(0))
	}
	return c.withWarning(s, cmp.Or(c.phase.message, "the operator is working on it"))
}

// withWarning adds a message to s, and what the operator warns of.
func (c custom) withWarning(s Status, message string) Status {
	e := warning(c.events, "")
	if e == nil {
		return with(s, "", message)
	}
	return with(s, e.Reason, message+": "+e.Text)
}
