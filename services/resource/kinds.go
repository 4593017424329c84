package resource

import (
	"cmp"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/inventory"
)

// Kinds returns the kinds that inventories keep: those that every cluster has, and the
// custom resources of plugin definitions, in the versions that clusters prefer.
func Kinds(plugins []models.Plugin) []inventory.Kind {
	all, seen := inventory.Builtin(), map[schema.GroupKind]bool{}
	for _, k := range all {
		seen[schema.GroupKind{Group: k.Group, Kind: k.Kind}] = true
	}
	add := func(group, kind string) {
		if gk := (schema.GroupKind{Group: group, Kind: kind}); kind != "" && !seen[gk] {
			seen[gk] = true
			all = append(all, inventory.Custom(schema.GroupVersionResource{Group: group}, kind, true))
		}
	}
	for _, p := range plugins {
		for _, kind := range p.CRDKinds {
			add(p.CRDGroup, kind)
		}
		for _, n := range p.NodeTypes {
			add(cmp.Or(n.Group, p.CRDGroup), n.Kind)
		}
	}
	return all
}
