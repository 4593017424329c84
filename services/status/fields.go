package status

import (
	"unique"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/pkg/panics"
)

// object is part of a decoded object; its accessors take absent fields, and
// fields of another type, for zero.
type object map[string]any

func (o object) at(keys ...string) object {
	for _, k := range keys {
		next, _ := o[k].(map[string]any)
		o = next
	}
	return o
}

func (o object) text(key string) string {
	s, _ := o[key].(string)
	return s
}

func (o object) truth(key string) bool {
	b, _ := o[key].(bool)
	return b
}

func (o object) number(key string) int64 { return o.numberOr(key, 0) }

func (o object) numberOr(key string, otherwise int64) int64 {
	switch n := o[key].(type) {
	case int64:
		return n
	case float64:
		return int64(n)
	}
	return otherwise
}

func (o object) list(key string) []object {
	l, _ := o[key].([]any)
	list := make([]object, 0, len(l))
	for _, e := range l {
		if m, ok := e.(map[string]any); ok {
			list = append(list, m)
		}
	}
	return list
}

// condition is one entry of status.conditions.
type condition struct{ status, reason, message string }

// condition returns the condition of the given type of a whole object.
func (o object) condition(kind string) condition {
	for _, c := range o.at("status").list("conditions") {
		if c.text("type") == kind {
			return condition{c.text("status"), c.text("reason"), c.text("message")}
		}
	}
	return condition{}
}

// observed reports whether the controller has seen the present spec. Until
// then its status speaks of an older one.
func (o object) observed() bool {
	return o.at("status").number("observedGeneration") >= o.at("metadata").number("generation")
}

// phase is how far an object is, by the rules of kstatus.
type phase struct {
	status  status.Status
	message string
}

// phaseOf returns u's phase. An object that kstatus cannot read, for its
// status has an unusual form, is in progress. It panics for some of them.
func phaseOf(u *unstructured.Unstructured) phase {
	var r *status.Result
	err := panics.ToError(func() (err error) {
		r, err = status.Compute(u)
		return err
	})
	if err != nil {
		return phase{status.InProgressStatus, "the object's status has a form that cannot be read"}
	}
	return phase{r.Status, r.Message}
}

// intern returns a string equal to s that is shared by all extracts; names of
// namespaces, images and reasons are the same thousands of times.
func intern(s string) string { return unique.Make(s).Value() }
