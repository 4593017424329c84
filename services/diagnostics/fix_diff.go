package diagnostics

import (
	"reflect"
	"strings"

	"github.com/kubeorch/core/models"
)

// diff tells what documents would change in the cluster of what the fix is about. The
// rest of them is what the template says.
func (p proposal) diff(docs documents) []models.ObjectDiff {
	out := make([]models.ObjectDiff, len(docs))
	path := strings.Split(p.free, ".")
	for i, doc := range docs {
		text := func(keys ...string) string { s, _ := at(doc, keys...).(string); return s }
		d := &out[i]
		d.APIVersion, d.Kind = text("apiVersion"), text("kind")
		d.Namespace, d.Name = text("metadata", "namespace"), text("metadata", "name")
		if p.live == nil {
			d.Action = "created"
			continue
		}
		d.Action = "unchanged"
		wanted := at(doc, path...)
		if now := withoutDefaults(at(p.live, path...), wanted); !reflect.DeepEqual(now, wanted) {
			d.Action, d.Changes = "configured", []models.FieldChange{{Path: p.free, From: now, To: wanted}}
		}
	}
	return out
}

// withoutDefaults returns a live list without the keys of its items that only the
// cluster has filled in, such as the node ports of a Service.
func withoutDefaults(live, wanted any) any {
	items, isList := live.([]any)
	wantedItems, _ := wanted.([]any)
	if !isList || len(items) != len(wantedItems) {
		return live
	}
	out := make([]any, len(items))
	for i := range items {
		item, isMap := items[i].(map[string]any)
		wantedItem, _ := wantedItems[i].(map[string]any)
		if !isMap {
			return live
		}
		kept := map[string]any{}
		for k, v := range item {
			if _, ours := wantedItem[k]; ours {
				kept[k] = v
			}
		}
		out[i] = kept
	}
	return out
}
