package kinds

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/template"
)

// renderer lays values out as objects; template.Registry does.
type renderer interface {
	Render(id string, values map[string]any) ([]*unstructured.Unstructured, error)
	Produces(id string) ([]template.Object, bool)
}

// templated is a kind whose objects come from templates/core/<typ>.
type templated struct {
	typ    string
	engine renderer
}

// Type returns the node type.
func (t templated) Type() string { return t.typ }

// templateID is the template that n asks for, core/<typ> unless it names
// another. A bare type, as old drawings have it, means core/<type>.
func (t templated) templateID(n *Node) string {
	id := n.Data.String("templateId")
	switch {
	case id == "":
		return "core/" + t.typ
	case !strings.Contains(id, "/"):
		return "core/" + id
	}
	return id
}

// check reports what is wrong with what every templated node has. name is the
// rule for the object's name.
func (t templated) check(n *Node, name rule) models.Problems {
	p := common(n, name)
	f := read(n, &p)
	f.exact("templateId")
	want, _ := t.engine.Produces("core/" + t.typ)
	got, known := t.engine.Produces(t.templateID(n))
	switch {
	case !known:
		f.addf("templateId", "names no template of this server")
	case !slices.Equal(got, want):
		f.addf("templateId", "names a template of another kind")
	}
	return p
}

// render lays values out, with name, namespace, labels and annotations added.
func (t templated) render(n *Node, values map[string]any) ([]*unstructured.Unstructured, error) {
	all := metadata(n)
	maps.Copy(all, values)
	objs, err := t.engine.Render(t.templateID(n), all)
	if err != nil {
		return nil, fmt.Errorf("render %s %q: %w", t.typ, n.Name, err)
	}
	return objs, nil
}

// templateKind is a templated kind that reads a node once for its check and once for
// its objects, through the same function.
type templateKind struct {
	templated
	name   rule                                   // for the object's name
	values func(n *Node, f fields) map[string]any // for the template
}

// Check reports everything wrong with n and with what is joined to it.
func (k templateKind) Check(n *Node) models.Problems {
	p := k.check(n, k.name)
	k.values(n, read(n, &p))
	return p
}

// Render returns n's objects.
func (k templateKind) Render(n *Node) ([]*unstructured.Unstructured, error) {
	var ignored models.Problems // Check has reported them
	return k.render(n, k.values(n, read(n, &ignored)))
}

// metadata returns the values that every template uses.
func metadata(n *Node) map[string]any {
	var ignored models.Problems // Check has reported them
	f := read(n, &ignored)
	return map[string]any{
		"name":        n.Name,
		"namespace":   n.Namespace,
		"labels":      objectLabels(n.Name, f.stringMap("labels")),
		"annotations": unreserved(f.stringMap("annotations")),
	}
}

// objectLabels are the labels of every object of a node. Those that others
// rely on win over a user's.
func objectLabels(name string, users map[string]string) map[string]string {
	all := unreserved(maps.Clone(users))
	if all == nil {
		all = map[string]string{}
	}
	all["app"] = name
	all["managed-by"] = "kubeorch"
	all["app.kubernetes.io/managed-by"] = "kubeorch"
	return all
}
