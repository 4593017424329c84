package kinds

import (
	"fmt"
	"maps"
	"slices"
)

// Registry finds a Kind by node type. It does not change after New.
type Registry struct{ byType map[string]Kind }

// NewRegistry returns a registry of the given kinds. Two kinds of one type
// are a mistake in the program and an error here.
func NewRegistry(list ...Kind) (*Registry, error) {
	r := &Registry{byType: make(map[string]Kind, len(list))}
	for _, k := range list {
		if _, dup := r.byType[k.Type()]; dup {
			return nil, fmt.Errorf("node kind %q is registered twice", k.Type())
		}
		r.byType[k.Type()] = k
	}
	return r, nil
}

// Lookup returns the kind of a node type.
func (r *Registry) Lookup(nodeType string) (Kind, bool) {
	k, ok := r.byType[nodeType]
	return k, ok
}

// Types returns all node types in alphabetical order.
func (r *Registry) Types() []string { return slices.Sorted(maps.Keys(r.byType)) }
