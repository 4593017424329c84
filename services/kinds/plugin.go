package kinds

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
)

// AnyVersion stands for the version in the apiVersion of an object of which
// only group and kind are known: "cert-manager.io/*". Whoever applies it asks
// the cluster which version it serves.
const AnyVersion = "*"

// The labels of a custom resource that say what it was drawn as.
const (
	PluginLabel   = "kubeorch.io/plugin"
	NodeTypeLabel = "kubeorch.io/node-type"
)

// plugin makes custom resources as their operators' definitions say.
type plugin struct{ byName map[string]definition }

type definition struct {
	models.PluginNodeType
	plugin string
	group  string
}

// newPlugin returns the kind of all node types in catalogue. Of two node types
// of one name the later counts.
func newPlugin(catalogue []models.Plugin) Kind {
	k := plugin{byName: map[string]definition{}}
	for _, p := range catalogue {
		for _, t := range p.NodeTypes {
			k.byName[t.Name] = definition{PluginNodeType: t, plugin: p.ID, group: cmp.Or(t.Group, p.CRDGroup)}
		}
	}
	return k
}

// Type returns "plugin".
func (plugin) Type() string { return TypePlugin }

// Check reports an unknown definition, and fields that are missing or of the
// wrong type. Keys that are no field are ignored: the form of a plugin node
// writes those of other kinds too.
func (k plugin) Check(n *Node) models.Problems {
	var p models.Problems
	f := read(n, &p)
	f.check("name", f.required("name"), optional(validator.Label))
	f.exact("namespace")
	f.check("namespace", n.Namespace, validator.Label)
	def, ok := k.definition(f)
	if ok {
		def.spec(f)
	}
	return p
}

// Render returns the custom resource.
func (k plugin) Render(n *Node) ([]*unstructured.Unstructured, error) {
	f := muted(read(n, nil))
	def, ok := k.definition(f)
	if !ok {
		return nil, fmt.Errorf("plugin node type %q is unknown", n.Data.String("templateId"))
	}
	labels := map[string]any{PluginLabel: def.plugin, NodeTypeLabel: def.Name}
	for key, v := range objectLabels(n.Name, nil) {
		labels[key] = v
	}
	meta := map[string]any{"name": n.Name, "labels": labels}
	if def.Namespaced == nil || *def.Namespaced {
		meta["namespace"] = n.Namespace
	}
	return []*unstructured.Unstructured{{Object: map[string]any{
		"apiVersion": def.group + "/" + cmp.Or(def.APIVersion, AnyVersion),
		"kind":       def.Kind,
		"metadata":   meta,
		"spec":       def.spec(f),
	}}}, nil
}

func (k plugin) definition(f fields) (definition, bool) {
	name := f.required("templateId")
	def, ok := k.byName[name]
	owner, _ := f.text("pluginId").(string)
	switch {
	case name == "":
	case !ok:
		f.addf("templateId", "%q is no plugin node type that this server knows", name)
	case owner != "" && owner != def.plugin:
		f.addf("pluginId", "is %q, but node type %q belongs to plugin %q", owner, name, def.plugin)
	}
	return def, ok
}

// spec reads the declared fields. Where a value is absent or empty the
// default counts, which is what the canvas shows then.
func (d definition) spec(f fields) map[string]any {
	spec := map[string]any{}
	for _, field := range d.Fields {
		if field.ID == "name" || field.ID == "namespace" {
			continue
		}
		v := f.data[field.ID]
		if s, isText := v.(string); v == nil || isText && strings.TrimSpace(s) == "" {
			v = field.Default
		}
		if v == "" {
			if field.Required {
				f.addf(field.ID, "is required")
			}
			continue
		}
		if v = f.convert(field, v); v != nil {
			setPath(spec, strings.Split(field.ID, "."), v)
		}
	}
	return spec
}

// convert returns v as the type of field. Lists and objects pass as they are:
// no form writes them, but resources have them.
func (f fields) convert(field models.PluginField, v any) any {
	switch v.(type) {
	case map[string]any, []any:
		plain := withoutReserved(withoutNulls(v))
		if holdsLongNumber(plain) {
			f.addf(field.ID, tooLong)
		}
		return plain
	}
	s, ok := scalar(v)
	if !ok {
		f.addf(field.ID, "must be text")
		return nil
	}
	switch field.Type {
	case models.FieldNumber:
		return f.asNumber(field.ID, v, s)
	case models.FieldSelect:
		if len(field.Options) > 0 {
			f.check(field.ID, s, oneOf(field.Options...))
		}
	}
	if _, isBool := v.(bool); isBool {
		return v
	}
	return s
}

// withoutReserved removes reserved keys from the labels and annotations within
// v, which operators copy to what they make. Selectors may name them.
func withoutReserved(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if labels, ok := e.(map[string]any); ok && marks(key) {
				maps.DeleteFunc(labels, func(key string, _ any) bool { return strings.HasPrefix(key, reservedPrefix) })
			}
			withoutReserved(e)
		}
	case []any:
		for _, e := range v {
			withoutReserved(e)
		}
	}
	return v
}

// marks reports whether the object at key holds labels or annotations, by the
// usual names such as podLabels.
func marks(key string) bool {
	key = strings.ToLower(key)
	return key != "matchlabels" && (strings.HasSuffix(key, "labels") || strings.HasSuffix(key, "annotations"))
}

// asNumber returns v as a number. Text must have the plain notation, because
// 1e3 and 0x10 may be names as well.
func (f fields) asNumber(key string, v any, s string) any {
	if n, ok := models.Int(v); ok {
		return n
	}
	s = strings.TrimSpace(s)
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.Trim(s, "+-.0123456789") != "" {
		f.addf(key, "must be a number")
		return nil
	}
	if _, exact := models.Float(json.Number(s)); !exact {
		f.addf(key, tooLong)
	}
	return x
}

// tooLong refuses a number that an API server would round without a word.
const tooLong = "holds a number of more digits than Kubernetes keeps; write it as text where the resource takes text"

func holdsLongNumber(v any) bool {
	switch v := v.(type) {
	case json.Number:
		return true
	case map[string]any:
		for _, e := range v {
			if holdsLongNumber(e) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, holdsLongNumber)
	}
	return false
}

// setPath sets v at path, making the objects on the way.
func setPath(m map[string]any, path []string, v any) {
	for _, key := range path[:len(path)-1] {
		next, ok := m[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[key] = next
		}
		m = next
	}
	m[path[len(path)-1]] = v
}
