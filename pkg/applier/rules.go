package applier

import (
	"context"
	"strings"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// rule is how a kind handles changes that the API does not allow in place.
type rule struct {
	// before checks an existing object before it is written; replace asks to
	// delete and create it anew.
	before func(ctx context.Context, t *target, req Request) (replace bool, err error)
	// replaceable permits to delete the object and create it anew when a change
	// is refused because the field is immutable.
	replaceable bool
	// advice ends the sentence "… cannot be changed on an existing object".
	advice string
}

func ruleFor(ref Ref) rule {
	r := rule{
		before: func(context.Context, *target, Request) (bool, error) { return false, nil },
		advice: "use another name, or delete the object first",
	}
	switch ref.Group + "/" + ref.Kind {
	case "batch/Job":
		r.before = replaceFinished
		r.replaceable = true
	case "/PersistentVolumeClaim":
		r.before = checkClaim
		r.advice = "use another name for a new claim, or delete the claim first, with its data"
	case "/Service":
		r.before = replaceHeadless
	case "apps/StatefulSet":
		r.advice = "use another name, or delete the StatefulSet first; its claims stay"
	case "apps/Deployment", "apps/DaemonSet":
		r.advice = "use another name, or delete the workload first"
	}
	return r
}

// explain adds the rule's advice to the refusal of a change.
func (r rule) explain(ref Ref, err error) error {
	e := kubernetes.Translate(err)
	return &kubernetes.Error{
		Reason:  kubernetes.Invalid,
		Message: ref.String() + ": " + e.Message + " (this cannot be changed on an existing object: " + r.advice + ")",
		Err:     err,
	}
}

// immutable recognises refusals to change what cannot be changed by their text,
// since the API has no reason for them.
func immutable(err error) bool {
	e := kubernetes.Translate(err)
	if e.Reason != kubernetes.Invalid && e.Reason != kubernetes.Forbidden {
		return false
	}
	for _, sign := range []string{"immutable", "updates to statefulset spec", "may not change once set", "may not be changed",
		"only dynamically provisioned pvc can be resized"} {
		if strings.Contains(e.Message, sign) {
			return true
		}
	}
	return false
}
