// Package warning finds likely mistakes in what a run would apply. They keep nothing
// from being run. It takes values and returns values.
package warning

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/plan"
)

// The codes of warnings, for programs.
const (
	Drawing        = "drawing" // the text says what is odd about it
	ImageLatest    = "image_latest"
	NoLimits       = "no_limits"
	Privileged     = "privileged"
	HostNamespaces = "host_namespaces"
	HostPath       = "host_path"
	ReplicasScaled = "autoscaler_replicas"
	TwoAutoscalers = "autoscaler_twice"
	StorageClass   = "storage_class_missing"
	IngressClass   = "ingress_class_missing"
	ValuesMissing  = "values_missing"
	ClaimReplaced  = "claim_replaced"
	ClaimShrinks   = "claim_cannot_shrink"
)

// Classes are the classes of a kind that the cluster offers. The zero value stands for
// a cluster of which that is not known.
type Classes struct {
	Known   bool
	Names   map[string]bool
	Default bool // one of them is good for objects that name none
}

func (c Classes) lacks(name string) bool { return c.Known && !c.Names[name] }

// Facts is what a plan does not hold.
type Facts struct {
	StorageClasses Classes
	IngressClasses Classes
}

// rule finds one kind of mistake in an object.
type rule func(o *unstructured.Unstructured, in *input) []models.PlanWarning

// input is what rules know besides the object.
type input struct {
	facts  Facts
	scaled map[scaleTarget][]string // to the names of its autoscalers
	drawn  map[scaleTarget]*unstructured.Unstructured
}

// OfPlan returns the warnings for what steps apply, in their order.
func OfPlan(p *plan.Plan, facts Facts) []models.PlanWarning {
	in := &input{facts: facts}
	in.readTargets(p.Steps)
	var all []models.PlanWarning
	for _, found := range p.Warnings {
		all = append(all, models.PlanWarning{Node: found.Node, Field: found.Field, Code: Drawing, Message: found.Message})
	}
	for _, step := range p.Steps {
		for _, o := range step.Objects {
			for _, find := range []rule{images, limits, privileged, hosts, scaling, storageClasses, ingressClass} {
				for _, w := range find(o, in) {
					w.Node = step.NodeID
					all = append(all, w)
				}
			}
		}
	}
	return all
}
