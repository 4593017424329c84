package applier

import (
	"context"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// An API server fills in what a manifest leaves out, and such a default
// belongs to no manager, so that no apply removes it. Where fields exclude
// each other that blocks a change for ever: after RollingUpdate a Deployment
// keeps the defaulted rollingUpdate, which Recreate forbids. claimDefaults
// makes those in the way of t's object ours, at the values that they have, and
// the next apply then removes them. It reports whether there were any. Fields
// that another manager owns, too, stay.
func (a *Applier) claimDefaults(ctx context.Context, t *target) (bool, error) {
	live, err := t.full.Get(ctx, t.ref.Name, metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	ours := ownedPart(live, a.opts.Manager)
	if ours == nil || !graft(t.object.GetKind(), ours, live.Object, t.object.Object) {
		return false, nil
	}
	if a.opts.DryRun {
		return true, nil
	}
	claim := *t
	claim.object = &unstructured.Unstructured{Object: ours}
	_, err = a.write(ctx, &claim, true)
	return true, err
}

// exclusive names the fields of the object at key of which want's choice
// forbids all others.
func exclusive(key string, want map[string]any) []string {
	switch key {
	case "livenessProbe", "readinessProbe", "startupProbe", "postStart", "preStop":
		return []string{"exec", "httpGet", "tcpSocket", "grpc", "sleep"}
	case "valueFrom":
		return []string{"configMapKeyRef", "secretKeyRef", "fieldRef", "resourceFieldRef"}
	case "env[]":
		return []string{"value", "valueFrom"}
	case "volumes[]":
		return []string{"configMap", "secret", "persistentVolumeClaim"}
	case "strategy", "updateStrategy":
		if want["type"] != nil && want["type"] != "RollingUpdate" {
			return []string{"rollingUpdate"}
		}
	case "Service":
		var none []string
		if want["sessionAffinity"] != "ClientIP" {
			none = append(none, "sessionAffinityConfig")
		}
		if want["type"] == "ClusterIP" {
			none = append(none, "externalTrafficPolicy")
		}
		return none
	}
	return nil
}

// incomplete reports whether the object at key is refused once what we apply
// of it has left and its defaults have not.
func incomplete(key string) bool {
	return slices.Contains([]string{"livenessProbe", "readinessProbe", "startupProbe", "postStart", "preStop"}, key)
}

// graft copies into ours, the part of have that we apply, what of have stands
// in the way of want. It reports whether there was anything. key is that of
// the three objects in what holds them.
func graft(key string, ours, have, want map[string]any) (found bool) {
	if want == nil && incomplete(key) {
		maps.Copy(ours, have)
		return true
	}
	for _, field := range exclusive(key, want) {
		if want[field] == nil && have[field] != nil {
			ours[field], found = have[field], true
		}
	}
	for field, h := range have {
		switch h := h.(type) {
		case map[string]any:
			part, isOurs := ours[field].(map[string]any)
			wanted, _ := want[field].(map[string]any)
			if isOurs && graft(nameOf(key, field), part, h, wanted) {
				found = true
			}
		case []any:
			part, _ := ours[field].([]any)
			wanted, _ := want[field].([]any)
			for _, e := range h {
				if graftElement(field+"[]", part, e, wanted) {
					found = true
				}
			}
		}
	}
	return found
}

// nameOf returns the key under which exclusive knows the object at field. A
// Service has its fields in its spec.
func nameOf(key, field string) string {
	if key == "Service" && field == "spec" {
		return "Service"
	}
	return field
}

// graftElement does for the named elements of lists what graft does.
func graftElement(key string, ours []any, have any, want []any) bool {
	h, isMap := have.(map[string]any)
	if !isMap || h["name"] == nil {
		return false
	}
	part, wanted := named(ours, h["name"]), named(want, h["name"])
	return part != nil && wanted != nil && graft(key, part, h, wanted)
}

func named(list []any, name any) map[string]any {
	i := slices.IndexFunc(list, func(e any) bool {
		m, _ := e.(map[string]any)
		return m != nil && m["name"] == name
	})
	if i < 0 {
		return nil
	}
	return list[i].(map[string]any)
}

// mend tries to make room for a change that the API server refused with err.
// It reports whether to try once more.
func (a *Applier) mend(ctx context.Context, t *target, err error) (bool, error) {
	if reason := kubernetes.ReasonOf(err); reason != kubernetes.Invalid && reason != kubernetes.Forbidden {
		return false, nil
	}
	switch t.ref.Group + "/" + t.ref.Kind {
	case "apps/Deployment", "apps/StatefulSet", "apps/DaemonSet":
		if kept, err := keepSelector(ctx, t); kept || err != nil {
			return kept, err
		}
	case "batch/CronJob", "/Service":
	default:
		return false, nil
	}
	return a.claimDefaults(ctx, t)
}
