package inventory

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// labels returns the labels for which there is room, those that say what an object
// belongs to before others.
func (r *reading) labels(all map[string]string) map[string]string {
	left := budget(labelBytes)
	kept := bind(all, &left, maxLabelValue)
	r.omit("labels", len(all)-len(kept))
	return kept
}

// annotations returns the annotations for which there is room. Copies of the whole
// object are left out, and the records of leaders, which change every few seconds.
// Those of a Secret are left out where they could hold its values.
func (r *reading) annotations(all map[string]string, ofSecret bool) map[string]string {
	wanted := make(map[string]string, len(all))
	for k, v := range all {
		if !repeats(k, v) && k != "control-plane.alpha.kubernetes.io/leader" && (!ofSecret || len(v) <= maxText && !structured(v)) {
			wanted[k] = v
		}
	}
	left := budget(annotationBytes)
	kept := bind(wanted, &left, maxText)
	r.omit("annotations", len(wanted)-len(kept))
	return kept
}

// bind returns the entries that fit into a budget, their keys in a fixed order. It
// returns nil for none. Keys that a database takes for operators are left out; no
// label begins with a dollar sign.
func bind(all map[string]string, left *budget, maxValue int) map[string]string {
	if len(all) == 0 {
		return nil
	}
	keys := slices.Collect(maps.Keys(all))
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	kept := make(map[string]string, min(len(keys), maxItems))
	for _, key := range keys {
		k, v := clean(key, maxLabelKey), clean(all[key], maxValue)
		if k != "" && k[0] != '$' && left.spend(cost(k)+cost(v)) {
			kept[k] = v
		}
	}
	return kept
}

// rank puts the labels by which objects are joined to others before the rest.
func rank(key string) int {
	switch {
	case strings.HasPrefix(key, "kubeorch.io/"), key == "app", key == "managed-by", key == "job-name",
		strings.HasSuffix(key, "pod-template-hash"):
		return 0
	}
	return 1
}

// repeats reports whether an annotation is a copy of its object, as tools keep them
// to find out what was changed.
func repeats(key, value string) bool {
	for _, end := range []string{"/last-applied-configuration", "/last-applied", "/applied", "/original"} {
		if strings.HasSuffix(key, end) {
			return true
		}
	}
	return structured(value) && strings.Contains(value, `"kind"`)
}

// structured reports whether a value is a JSON object or list.
func structured(value string) bool {
	value = strings.TrimSpace(value)
	return strings.HasPrefix(value, "{") || strings.HasPrefix(value, "[")
}
