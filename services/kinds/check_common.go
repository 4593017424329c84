package kinds

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
)

// common checks what every node has: a name that follows nameRule, a
// namespace, labels and annotations.
func common(n *Node, nameRule rule) models.Problems {
	var p models.Problems
	f := read(n, &p)
	if n.Name == "" {
		f.required("name")
	} else {
		f.check("name", n.Name, nameRule)
	}
	f.exact("namespace")
	f.check("namespace", n.Namespace, validator.Label)
	f.labels("labels")
	f.annotations("annotations")
	return p
}

// labels returns the labels at key. Keys that were not typed yet are left out.
func (f fields) labels(key string) map[string]string {
	m := f.stringMap(key)
	if msg := validator.Labels(m); msg != "" {
		f.addf(key, "%s", msg)
	}
	return m
}

// annotations returns the annotations at key.
func (f fields) annotations(key string) map[string]string {
	m := f.stringMap(key)
	if msg := validator.Annotations(m); msg != "" {
		f.addf(key, "%s", msg)
	}
	return m
}

// reservedPrefix begins the keys of labels and annotations by which the server
// knows what it made and for whom.
const reservedPrefix = "kubeorch.io/"

// unreserved returns a user's labels or annotations without reserved keys.
func unreserved(users map[string]string) map[string]string {
	maps.DeleteFunc(users, func(key, _ string) bool { return strings.HasPrefix(key, reservedPrefix) })
	return users
}

// selector returns the labels at key by which others are found. It is strict
// about unfinished entries, since leaving one out would match more than was
// meant. An empty object stays one: it matches everything.
func (f fields) selector(key string) map[string]string {
	sub, _ := f.object(key)
	for _, k := range sub.data.Keys() {
		if placeholder(k) || sub.data[k] == nil {
			f.addf(entryPath(key, k), "is unfinished: give the label a key and a value, or remove it")
		}
	}
	return f.labels(key)
}

// stringMap returns the object at key with each value as text: numbers with
// the digits that were sent, truth values in their usual notation. Null values, the empty key and the
// placeholders of a form are left out. It is never nil.
func (f fields) stringMap(key string) map[string]string {
	m := map[string]string{}
	sub, _ := f.object(key)
	for _, k := range sub.data.Keys() {
		v := sub.data[k]
		if v == nil || placeholder(k) {
			continue
		}
		s, ok := scalar(v)
		if !ok {
			f.addf(entryPath(key, k), "must be text")
			continue
		}
		m[k] = s
	}
	return m
}

// quantities returns the amounts at key, such as resource limits; empty and
// wrong ones are left out.
func (f fields) quantities(key string) map[string]string {
	m := map[string]string{}
	sub, _ := f.object(key)
	for _, k := range sub.data.Keys() {
		if q, ok := sub.quantity(k, validator.Quantity).(string); ok && validator.Quantity(q) == "" {
			sub.check(k, k, validator.QualifiedName)
			m[k] = q
		}
	}
	return m
}

// quantity returns the amount at key; a plain number is one too.
func (f fields) quantity(key string, rules ...rule) any {
	if _, isText := f.data[key].(string); isText {
		return f.text(key, rules...)
	}
	if f.data[key] == nil {
		return nil
	}
	s, ok := scalar(f.data[key])
	if _, isBool := f.data[key].(bool); !ok || isBool {
		f.addf(key, "must be a quantity like 500m, 1.5 or 256Mi")
		return nil
	}
	f.check(key, s, rules...)
	return s
}

// entryPath is the path of an entry of the object at field.
func entryPath(field, key string) string { return fmt.Sprintf("%s[%q]", field, key) }

// holdsHugeExponent reports whether a text or number in v would keep the
// parser of quantities busy for ever, were it decoded into one.
func holdsHugeExponent(v any) bool {
	switch v := v.(type) {
	case string:
		return validator.HugeExponent(v)
	case float64:
		return math.Abs(v) > 1e99 || v != 0 && math.Abs(v) < 1e-99
	case json.Number:
		return validator.HugeExponent(v.String())
	case map[string]any:
		for _, e := range v {
			if holdsHugeExponent(e) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, holdsHugeExponent)
	}
	return false
}

// placeholder reports whether a form made up key before a name was typed.
func placeholder(key string) bool {
	const untitled = "_new_"
	return key == "" || len(key) >= len(untitled) && key[:len(untitled)] == untitled
}

// scalar returns a text, number or truth value as text.
func scalar(v any) (s string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case int:
		return strconv.Itoa(v), true
	case int32:
		return strconv.FormatInt(int64(v), 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	return "", false
}
