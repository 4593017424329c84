// Package plan decides what a drawn graph means: which objects, in which
// order, owned by whom. It takes values and returns values: no I/O, no clock.
package plan

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
)

// Options are the facts about a plan that the graph does not hold.
type Options struct {
	WorkflowID string // marks every object as this workflow's
	// Empty permits a graph without nodes, which means that nothing is to be
	// in the cluster. Else it is taken for a drawing that was not begun yet.
	Empty bool
}

// Plan is what to do for a graph. Its steps do not depend on the order in
// which nodes and edges are listed.
type Plan struct {
	// Steps holds one step per node, by wave and within a wave by node id.
	Steps []Step
	// Warnings tells of likely mistakes in the order of the drawing. They do
	// not keep it from being run.
	Warnings models.Problems
}

// Step is what to do for one node.
type Step struct {
	NodeID    string
	Label     string // how people know the node: `deployment "web"`
	Type      string
	Name      string
	Namespace string
	// Objects are to be applied in this order. They carry the ownership
	// labels, and belong to the caller. An apiVersion that ends in
	// "/"+kinds.AnyVersion is to be resolved against the cluster's discovery,
	// which also tells whether the namespace is to be dropped.
	Objects []*unstructured.Unstructured
	// Initial are the fields that the last of Objects leaves to something else.
	Initial []kinds.Initial
	// Values describes the Secret of values typed at run time, or is nil. That
	// Secret is not among Objects.
	Values *kinds.Values
	// DependsOn lists the nodes whose failure makes this step pointless, in
	// alphabetical order. All of them are in earlier waves.
	DependsOn []string
	Wave      int
	// Adopt tells that objects of these names which belong to nobody known
	// may be taken over.
	Adopt bool
}

// Waves returns the steps grouped by wave: each depends on earlier ones only.
func (p *Plan) Waves() [][]Step {
	var waves [][]Step
	for i, s := range p.Steps {
		if i == 0 || s.Wave != p.Steps[i-1].Wave {
			waves = append(waves, nil)
		}
		last := len(waves) - 1
		waves[last] = append(waves[last], s)
	}
	return waves
}

// Namespaces returns the namespaces that the steps' objects live in, in
// alphabetical order.
func (p *Plan) Namespaces() []string {
	var out []string
	for _, s := range p.Steps {
		for _, o := range s.Objects {
			out = append(out, o.GetNamespace())
		}
		if s.Values != nil {
			out = append(out, s.Values.Object.GetNamespace())
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(ns string) bool { return ns == "" })
}

// Build plans g. When anything is wrong it returns no plan but all problems
// of all nodes and edges at once, in the order of the drawing.
func Build(g models.Graph, reg *kinds.Registry, opt Options) (*Plan, models.Problems) {
	if p := ofWrongSize(g, opt.Empty); len(p) > 0 {
		return nil, p
	}
	d, problems := resolve(g, reg, opt)
	problems = append(problems, d.check(reg)...)
	waves, cycles := d.order()
	problems = append(problems, cycles...)
	if len(problems) > 0 {
		return nil, d.places.Locate(append(problems, d.duplicatesBeside(problems, reg, opt)...))
	}
	steps, problems := d.steps(waves, reg, opt)
	problems = append(problems, duplicates(steps)...)
	if len(problems) > 0 {
		return nil, d.places.Locate(problems)
	}
	return &Plan{Steps: steps, Warnings: d.places.Locate(d.warnings(reg))}, nil
}

func ofWrongSize(g models.Graph, empty bool) (p models.Problems) {
	if len(g.Nodes) == 0 && !empty {
		p.Addf("nodes", "must hold at least one node")
	}
	if len(g.Nodes) > models.MaxNodes {
		p.Addf("nodes", "must hold at most %d nodes, there are %d", models.MaxNodes, len(g.Nodes))
	}
	if len(g.Edges) > models.MaxEdges {
		p.Addf("edges", "must hold at most %d edges, there are %d", models.MaxEdges, len(g.Edges))
	}
	return p
}
