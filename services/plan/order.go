package plan

import (
	"maps"
	"slices"
	"strings"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
)

// order groups the nodes into waves: each node after those it waits for, and
// where edges leave the choice, by phase. Within a wave ids are alphabetical.
// Cycles are looked for among the edges as drawn and among what they mean,
// because either can be one without the other.
func (d *drawing) order() ([][]string, models.Problems) {
	drawn := make(map[string][]string)
	for _, e := range d.drawn {
		drawn[e[1]] = append(drawn[e[1]], e[0])
	}
	problems := d.cycles(drawn)
	if len(problems) == 0 {
		problems = d.cycles(d.after)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return d.waves(), nil
}

// waves takes the ready nodes of the lowest phase again and again. The graph
// must have no cycle.
func (d *drawing) waves() [][]string {
	phase := d.phases()
	next := inverse(d.after)
	waiting := make(map[string]int, len(d.ids))
	ready := make(map[int][]string)
	for _, id := range d.ids {
		if waiting[id] = len(d.after[id]); waiting[id] == 0 {
			ready[phase[id]] = append(ready[phase[id]], id)
		}
	}
	var waves [][]string
	for len(ready) > 0 {
		lowest := slices.Min(slices.Collect(maps.Keys(ready)))
		wave := ready[lowest]
		delete(ready, lowest)
		slices.Sort(wave)
		waves = append(waves, wave)
		for _, id := range wave {
			for _, later := range next[id] {
				if waiting[later]--; waiting[later] == 0 {
					ready[phase[later]] = append(ready[phase[later]], later)
				}
			}
		}
	}
	return waves
}

// phases returns each node's phase, moved forward to that of what waits for
// it: a custom resource that a workload needs is no reason to make the
// workload last.
func (d *drawing) phases() map[string]int {
	phase := make(map[string]int, len(d.ids))
	var forward func(id string, limit int)
	forward = func(id string, limit int) {
		if limit >= phase[id] {
			return
		}
		phase[id] = limit
		for _, first := range d.after[id] {
			forward(first, limit)
		}
	}
	for _, id := range d.ids {
		phase[id] = kinds.Phase(d.nodes[id].Type)
	}
	for _, id := range d.ids {
		for _, first := range d.after[id] {
			forward(first, phase[id])
		}
	}
	return phase
}

func inverse(after map[string][]string) map[string][]string {
	next := make(map[string][]string, len(after))
	for id, firsts := range after {
		for _, first := range firsts {
			next[first] = append(next[first], id)
		}
	}
	return next
}

// cycles reports every cycle that shares no node with one reported before.
func (d *drawing) cycles(after map[string][]string) (p models.Problems) {
	left := make(map[string]bool, len(d.ids))
	for _, id := range d.ids {
		left[id] = true
	}
	for {
		removeAcyclic(left, after)
		if len(left) == 0 {
			return p
		}
		cycle := cycleFrom(slices.Min(slices.Collect(maps.Keys(left))), left, after)
		for _, id := range cycle {
			delete(left, id)
		}
		slices.Reverse(cycle) // walked from later to earlier
		first := slices.Index(cycle, slices.Min(cycle))
		cycle = append(cycle[first:], cycle[:first]...)
		var names []string
		for _, id := range append(cycle, cycle[0]) {
			names = append(names, d.places.Label(id))
		}
		p = append(p, models.Problem{Node: cycle[0], Message: "is part of a cycle: " + strings.Join(names, " → ")})
	}
}

// removeAcyclic removes from left all nodes that wait for nothing left, until each
// node left waits for another one.
func removeAcyclic(left map[string]bool, after map[string][]string) {
	next := inverse(after)
	waiting := make(map[string]int, len(left))
	var free []string
	for id := range left {
		for _, first := range after[id] {
			if left[first] {
				waiting[id]++
			}
		}
		if waiting[id] == 0 {
			free = append(free, id)
		}
	}
	for len(free) > 0 {
		id := free[len(free)-1]
		free = free[:len(free)-1]
		delete(left, id)
		for _, later := range next[id] {
			if waiting[later]--; waiting[later] == 0 && left[later] {
				free = append(free, later)
			}
		}
	}
}

// cycleFrom follows what nodes wait for, from id, until it meets a node again.
func cycleFrom(id string, left map[string]bool, after map[string][]string) []string {
	var path []string
	for {
		if i := slices.Index(path, id); i >= 0 {
			return path[i:]
		}
		path = append(path, id)
		var firsts []string
		for _, first := range after[id] {
			if left[first] {
				firsts = append(firsts, first)
			}
		}
		id = slices.Min(firsts)
	}
}
