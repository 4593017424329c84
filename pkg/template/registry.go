package template

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// Object describes an object that a template makes.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Optional   bool   `json:"optional,omitempty"` // the document may be missing
}

// Registry holds templates by id, which do not change after Load. It is safe for
// concurrent use.
type Registry struct {
	entries map[string]entry
	decoded *decodedTexts
}

type entry struct {
	metadata []byte
	produces []Object
	template *Template
}

// coreDir is the directory of the templates; it begins every id.
const coreDir = "core"

// Load reads core/<kind>/metadata.yaml and core/<kind>/template.yaml of every kind.
// A file in a later source replaces that in an earlier one, so that an override may
// hold single files or further kinds. The error names every fault of every
// template.
func Load(sources ...fs.FS) (*Registry, error) {
	r := &Registry{entries: map[string]entry{}, decoded: newDecodedTexts()}
	var errs []error
	kinds := map[string]bool{}
	for _, src := range sources {
		found, err := kindsIn(src)
		errs = append(errs, err)
		for _, k := range found {
			kinds[k] = true
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		id := path.Join(coreDir, kind)
		e, err := load(sources, id)
		if err != nil {
			errs = append(errs, fmt.Errorf("template %s: %w", id, err))
		}
		r.entries[id] = e
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}

func kindsIn(src fs.FS) ([]string, error) {
	if _, err := fs.Stat(src, "."); err != nil {
		return nil, fmt.Errorf("templates directory: %w", err)
	}
	dirs, err := fs.ReadDir(src, coreDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("templates directory: %w", err)
	}
	var kinds []string
	for _, d := range dirs {
		if d.IsDir() {
			kinds = append(kinds, d.Name())
		}
	}
	return kinds, nil
}

func load(sources []fs.FS, id string) (entry, error) {
	meta, err := readLast(sources, id+"/metadata.yaml")
	text, err2 := readLast(sources, id+"/template.yaml")
	if err := errors.Join(err, err2); err != nil {
		return entry{}, err
	}
	produces, err := parseProduces(id, meta)
	t, err2 := Parse(id, string(text))
	if err2 != nil {
		err2 = fmt.Errorf("template.yaml: %w", err2)
	}
	return entry{metadata: meta, produces: produces, template: t}, errors.Join(err, err2)
}

// readLast reads name from the last source that has it.
func readLast(sources []fs.FS, name string) ([]byte, error) {
	for _, src := range slices.Backward(sources) {
		b, err := fs.ReadFile(src, name)
		if !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	return nil, fmt.Errorf("%s is missing", path.Base(name))
}

func parseProduces(id string, meta []byte) ([]Object, error) {
	var head struct {
		ID       string   `json:"id"`
		Produces []Object `json:"produces"`
	}
	if err := yaml.Unmarshal(meta, &head); err != nil {
		return nil, fmt.Errorf("metadata.yaml: %w", err)
	}
	var errs []error
	if head.ID != id {
		errs = append(errs, fmt.Errorf("metadata.yaml: id is %q", head.ID))
	}
	if len(head.Produces) == 0 {
		errs = append(errs, errors.New("metadata.yaml: produces is empty"))
	}
	for _, o := range head.Produces {
		if !scheme.Scheme.Recognizes(o.gvk()) {
			errs = append(errs, fmt.Errorf("metadata.yaml: %s %s is no known kind", o.APIVersion, o.Kind))
		}
	}
	return head.Produces, errors.Join(errs...)
}

func (o Object) gvk() schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(o.APIVersion, o.Kind)
}

// IDs returns the ids of all templates in alphabetical order.
func (r *Registry) IDs() []string { return slices.Sorted(maps.Keys(r.entries)) }

// Metadata returns a template's metadata.yaml; ok is false when there is no
// such template. The bytes must not be changed.
func (r *Registry) Metadata(id string) (yaml []byte, ok bool) {
	e, ok := r.entries[id]
	return e.metadata, ok
}

// Produces returns the objects that a template makes, in order; ok is false when
// there is no such template. The slice must not be changed.
func (r *Registry) Produces(id string) (objects []Object, ok bool) {
	e, ok := r.entries[id]
	return e.produces, ok
}

// Render returns the objects of template id for values, in the order of its
// metadata. It fails when id is unknown, when a value cannot be encoded, when a
// document has an unknown, duplicate or mistyped field, or when the documents are
// not those that the metadata declares.
func (r *Registry) Render(id string, values map[string]any) ([]*unstructured.Unstructured, error) {
	e, ok := r.entries[id]
	if !ok {
		return nil, fmt.Errorf("no template %q", id)
	}
	text, err := e.template.Execute(values)
	if err != nil {
		return nil, err
	}
	objs, err := r.decoded.objects(id, text, func() ([]*unstructured.Unstructured, error) {
		found, err := decodeAll(text)
		if err != nil {
			return nil, err
		}
		return matchDeclared(e.produces, found)
	})
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", id, err)
	}
	return objs, nil
}

// matchDeclared returns found in the declared order.
func matchDeclared(declared []Object, found []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	objs := make([]*unstructured.Unstructured, 0, len(found))
	rest := slices.Clone(found)
	for _, want := range declared {
		i := slices.IndexFunc(rest, func(o *unstructured.Unstructured) bool {
			return o.GroupVersionKind() == want.gvk()
		})
		switch {
		case i >= 0:
			objs = append(objs, rest[i])
			rest = slices.Delete(rest, i, i+1)
		case !want.Optional:
			return nil, fmt.Errorf("makes no %s", want.Kind)
		}
	}
	if len(rest) > 0 {
		var extra []string
		for _, o := range rest {
			extra = append(extra, o.GetKind())
		}
		return nil, fmt.Errorf("makes more than it declares: %s", strings.Join(extra, ", "))
	}
	return objs, nil
}
