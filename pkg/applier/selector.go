package applier

import (
	"context"
	"maps"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// keepSelector gives t's object the selector that the workload has, which can
// never be changed. Labels that only the wanted selector asks for leave the
// pod template as well, where they would replace all pods for nothing. It
// reports whether the selectors differed.
func keepSelector(ctx context.Context, t *target) (bool, error) {
	live, err := t.full.Get(ctx, t.ref.Name, metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	have, _, _ := unstructured.NestedMap(live.Object, "spec", "selector")
	want, _, _ := unstructured.NestedMap(t.object.Object, "spec", "selector")
	if have == nil || equality.Semantic.DeepEqual(have, want) {
		return false, nil
	}
	labels, _, _ := unstructured.NestedMap(t.object.Object, "spec", "template", "metadata", "labels")
	there, _, _ := unstructured.NestedMap(live.Object, "spec", "template", "metadata", "labels")
	asked, _, _ := unstructured.NestedMap(want, "matchLabels")
	maps.DeleteFunc(labels, func(key string, _ any) bool { return asked[key] != nil && there[key] == nil })
	if !selects(have, labels) {
		return false, nil // the server's refusal stands
	}
	if err := unstructured.SetNestedMap(t.object.Object, have, "spec", "selector"); err != nil {
		return false, err
	}
	return true, unstructured.SetNestedMap(t.object.Object, labels, "spec", "template", "metadata", "labels")
}

func selects(selector, labels map[string]any) bool {
	matched, _, _ := unstructured.NestedMap(selector, "matchLabels")
	for k, v := range matched {
		if labels[k] != v {
			return false
		}
	}
	return selector["matchExpressions"] == nil
}
