package inventory

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/kubeorch/core/models"
)

// comparison holds two states of one object whose specs have the same Go types.
type comparison struct {
	before, after *models.ResourceState
	old, new      object // specs
	containers    []pair
	differing     []string // keys of the specs with different values, sorted
}

// container is one of a spec's containers.
type container struct{ object }

// pair is a container before and after; one of them may be missing.
type pair struct{ old, new container }

func compare(before, after *models.ResourceState) *comparison {
	c := &comparison{before: before, after: after, old: decoded(before.Spec), new: decoded(after.Spec)}
	keys := maps.Clone(c.old)
	maps.Copy(keys, c.new)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !reflect.DeepEqual(c.old[key], c.new[key]) {
			c.differing = append(c.differing, key)
		}
	}
	if slices.Contains(c.differing, "containers") {
		c.containers = paired(containersOf(c.old), containersOf(c.new))
	}
	return c
}

// decoded returns a spec with the types of encoding/json. What a database returns may
// have others.
func decoded(spec map[string]any) object {
	raw, err := json.Marshal(spec)
	if err != nil {
		return object{}
	}
	out := object{}
	if err := json.Unmarshal(raw, &out); err != nil || out == nil {
		return object{}
	}
	return out
}

func containersOf(spec object) []container {
	var out []container
	for _, c := range spec.objects("containers") {
		out = append(out, container{c})
	}
	return out
}

// field names a field of a container as pages know it.
func (c container) field(name string) string { return "container." + c.text("name") + "." + name }

func paired(before, after []container) []pair {
	var out []pair
	find := func(list []container, name string) container {
		for _, c := range list {
			if c.text("name") == name {
				return c
			}
		}
		return container{}
	}
	for _, c := range after {
		out = append(out, pair{find(before, c.text("name")), c})
	}
	for _, c := range before {
		if find(after, c.text("name")).object == nil {
			out = append(out, pair{old: c})
		}
	}
	return out
}

// either is the container as it is, or as it was.
func (p pair) either() container {
	if p.new.object != nil {
		return p.new
	}
	return p.old
}

// add notes a field of the container that differs.
func (p pair) add(changes map[string]any, name string) bool {
	if reflect.DeepEqual(p.old.object[name], p.new.object[name]) {
		return false
	}
	changes[p.either().field(name)] = change(p.old.object[name], p.new.object[name])
	return true
}

// scaled is about the number of pods that are wanted.
func (c *comparison) scaled() models.ResourceChange {
	entry := models.ResourceChange{Action: models.ResourceScaled, Changes: map[string]any{}}
	for _, key := range []string{"replicas", "desiredReplicas"} {
		if slices.Contains(c.differing, key) {
			entry.Changes[key] = change(c.old[key], c.new[key])
			entry.Message = fmt.Sprintf("scaled from %.0f to %.0f replicas", c.old.count(key), c.new.count(key))
		}
	}
	return entry
}

func (c *comparison) images() models.ResourceChange {
	entry := models.ResourceChange{Action: models.ResourceImageChanged, Changes: map[string]any{}}
	var said []string
	for _, p := range c.containers {
		if !p.add(entry.Changes, "image") {
			continue
		}
		switch name := p.either().text("name"); {
		case p.old.object == nil:
			said = append(said, fmt.Sprintf("container %s was added with image %s", name, p.new.text("image")))
		case p.new.object == nil:
			said = append(said, fmt.Sprintf("container %s was removed", name))
		default:
			said = append(said, fmt.Sprintf("image of container %s changed from %s to %s", name, p.old.text("image"), p.new.text("image")))
		}
	}
	entry.Message = sentence(said)
	return entry
}

// labels is about the labels alone; annotations are told of with the rest.
func (c *comparison) labels() models.ResourceChange {
	entry := models.ResourceChange{Action: models.ResourceLabelsChanged, Changes: map[string]any{}}
	if diff, said := entries(c.before.Labels, c.after.Labels); len(said) > 0 {
		entry.Changes["labels"] = diff
		entry.Message = "labels: " + sentence(said)
	}
	return entry
}

// entries compares labels or annotations.
func entries(before, after map[string]string) (diff map[string]any, said []string) {
	added, removed, changed := map[string]any{}, map[string]any{}, map[string]any{}
	keys := maps.Clone(before)
	if keys == nil {
		keys = map[string]string{}
	}
	maps.Copy(keys, after)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		old, was := before[k]
		now, is := after[k]
		switch {
		case !was:
			added[k] = now
			said = append(said, k+" was added")
		case !is:
			removed[k] = old
			said = append(said, k+" was removed")
		case old != now:
			changed[k] = change(old, now)
			said = append(said, k+" changed")
		}
	}
	return map[string]any{"added": added, "removed": removed, "changed": changed}, said
}

// sentence joins what is said of several fields, the first three of them.
func sentence(said []string) string {
	const most = 3
	if more := len(said) - most; more > 0 {
		said = append(slices.Clone(said[:most]), fmt.Sprintf("and %d more", more))
	}
	return clean(strings.Join(said, "; "), messageBytes)
}
