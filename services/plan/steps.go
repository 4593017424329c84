package plan

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
)

const adoptKey = "adopt"

// check asks every node's kind what is wrong with it.
func (d *drawing) check(reg *kinds.Registry) (p models.Problems) {
	for _, id := range d.ids {
		n := d.nodes[id]
		kind, ok := reg.Lookup(n.Type)
		if !ok {
			continue // reported when the node was read
		}
		found := kind.Check(n)
		if _, isBool := n.Data[adoptKey].(bool); n.Data.Has(adoptKey) && !isBool {
			found.Addf(adoptKey, "must be true or false")
		}
		for _, one := range found {
			one.Node = id
			p = append(p, one)
		}
	}
	return p
}

// warnings asks every node's kind what is odd about it.
func (d *drawing) warnings(reg *kinds.Registry) (p models.Problems) {
	for _, id := range d.ids {
		kind, _ := reg.Lookup(d.nodes[id].Type)
		if w, ok := kind.(kinds.Warner); ok {
			for _, one := range w.Warnings(d.nodes[id]) {
				one.Node = id
				p = append(p, one)
			}
		}
	}
	return p
}

// steps renders every node. A kind that fails here has passed its own check,
// so the text is about that node all the same.
func (d *drawing) steps(waves [][]string, reg *kinds.Registry, opt Options) ([]Step, models.Problems) {
	var problems models.Problems
	steps := make([]Step, 0, len(d.ids))
	for wave, ids := range waves {
		for _, id := range ids {
			s, err := d.step(id, reg, opt)
			if err != nil {
				problems = append(problems, models.Problem{Node: id, Message: err.Error()})
				continue
			}
			s.Wave = wave
			steps = append(steps, s)
		}
	}
	return steps, problems
}

func (d *drawing) step(id string, reg *kinds.Registry, opt Options) (Step, error) {
	n := d.nodes[id]
	kind, _ := reg.Lookup(n.Type)
	objects, err := kind.Render(n)
	if err != nil {
		return Step{}, fmt.Errorf("cannot be rendered: %w", err)
	}
	s := Step{
		NodeID: id, Label: d.places.Label(id), Type: n.Type, Name: n.Name, Namespace: n.Namespace,
		Objects: objects, DependsOn: d.gates[id], Adopt: n.Data.Bool(adoptKey),
	}
	if r, ok := kind.(kinds.Releaser); ok {
		s.Initial = r.Initial(n)
	}
	if valued, ok := kind.(kinds.Valued); ok {
		if s.Values = valued.Values(n); s.Values != nil {
			s.Objects = without(s.Objects, s.Values.Object)
		}
	}
	for _, o := range s.AllObjects() {
		markOwner(o, opt.WorkflowID, id)
	}
	return s, nil
}

// without returns objects but for the one that o stands for as well: the
// Secret of a secret node exists only once its values were typed.
func without(objects []*unstructured.Unstructured, o *unstructured.Unstructured) []*unstructured.Unstructured {
	return slices.DeleteFunc(objects, func(other *unstructured.Unstructured) bool { return identify(other) == identify(o) })
}

// AllObjects returns what the step makes in a cluster: Objects, and the Secret of
// Values where there is one.
func (s Step) AllObjects() []*unstructured.Unstructured {
	if s.Values == nil {
		return s.Objects
	}
	return append(s.Objects[:len(s.Objects):len(s.Objects)], s.Values.Object)
}

type identity struct{ apiVersion, kind, namespace, name string }

func identify(o *unstructured.Unstructured) identity {
	return identity{o.GetAPIVersion(), o.GetKind(), o.GetNamespace(), o.GetName()}
}

// duplicates reports objects that two nodes would make, at both of them.
func duplicates(steps []Step) (p models.Problems) {
	maker := make(map[identity]Step)
	for _, s := range steps {
		for _, o := range s.AllObjects() {
			id := identify(o)
			other, taken := maker[id]
			if !taken {
				maker[id] = s
				continue
			}
			if other.NodeID == s.NodeID {
				continue
			}
			p = append(p, duplicate(s, other, o), duplicate(other, s, o))
		}
	}
	return p
}

// duplicatesBeside reports, in a drawing with the given problems, the objects that two
// nodes would make. A faulty node cannot be rendered, so that it is compared
// by type and name.
func (d *drawing) duplicatesBeside(found models.Problems, reg *kinds.Registry, opt Options) models.Problems {
	faulty := make(map[string]bool)
	for _, one := range found {
		faulty[one.Node] = true
	}
	sound := slices.DeleteFunc(slices.Clone(d.ids), func(id string) bool { return faulty[id] })
	steps, _ := d.steps([][]string{sound}, reg, opt)
	return append(duplicates(steps), d.sameNames(faulty)...)
}

// sameNames reports nodes of one type and name, at least one of them faulty.
func (d *drawing) sameNames(faulty map[string]bool) (p models.Problems) {
	first := make(map[[3]string]string)
	for _, id := range d.ids {
		n := d.nodes[id]
		if n.Name == "" || n.Type == kinds.TypePlugin { // a plugin's kind is not in its type
			continue
		}
		key := [3]string{n.Type, n.Namespace, n.Name}
		other, taken := first[key]
		if !taken {
			first[key] = id
			continue
		}
		if faulty[id] || faulty[other] {
			p = append(p, d.sameName(id, n, other), d.sameName(other, n, id))
		}
	}
	return p
}

func (d *drawing) sameName(node string, n *kinds.Node, other string) models.Problem {
	return models.Problem{Node: node, Field: "name",
		Message: fmt.Sprintf("makes the %s %s/%s, and so does %s", n.Type, n.Namespace, n.Name, d.places.Label(other))}
}

func duplicate(s, other Step, o *unstructured.Unstructured) models.Problem {
	return models.Problem{Node: s.NodeID, Field: "name",
		Message: fmt.Sprintf("makes the %s %s/%s, and so does %s", o.GetKind(), o.GetNamespace(), o.GetName(), other.Label)}
}
