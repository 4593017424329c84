package applier

import (
	"context"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	// propagation tells what happens to the dependents of an object that is replaced.
	propagation func(ctx context.Context, t *target) (metav1.DeletionPropagation, error)
}

// replaceAdvice is the alternative to another name.
const replaceAdvice = "use another name, or name the node in \"replace\" of the run, which deletes and makes it anew"

func ruleFor(ref Ref) rule {
	r := rule{
		before: func(context.Context, *target, Request) (bool, error) { return false, nil },
		advice: replaceAdvice,
		propagation: func(context.Context, *target) (metav1.DeletionPropagation, error) {
			return metav1.DeletePropagationForeground, nil
		},
	}
	switch ref.Group + "/" + ref.Kind {
	case "batch/Job":
		r.before = replaceFinished
		r.replaceable = true
	case "/PersistentVolumeClaim":
		r.before = checkClaim
		r.advice = claimAdvice
	case "/Service":
		r.before = replaceHeadless
	case "apps/StatefulSet":
		r.advice = replaceAdvice + "; its claims stay, and so do its pods unless its selector changes"
		r.propagation = keepPods
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
