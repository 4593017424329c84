package kinds

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	sigsjson "sigs.k8s.io/json"

	"github.com/kubeorch/core/models"
)

// decode reads the value at key, which has the form that Kubernetes gives it,
// strictly into the typed value that into points to, and returns it as plain
// data to pass on. What is absent or wrong is nil.
func (f fields) decode(key string, into any) any {
	v := f.data[key]
	if v == nil {
		return nil
	}
	return f.decodeValue(key, v, into)
}

func (f fields) decodeValue(key string, v, into any) any {
	v = withoutNulls(v)
	if holdsHugeExponent(v) {
		f.addf(key, "holds a number with an exponent of more than two digits")
		return nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		f.addf(key, "cannot be read: %v", err)
		return nil
	}
	unknown, err := sigsjson.UnmarshalStrict(raw, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		f.addf(joinPath(key, wrong.Field), "must be %s, not %s", typeName(wrong.Type), wrong.Value)
		return nil
	}
	if err != nil {
		f.addf(key, "%s", err)
		return nil
	}
	for _, e := range unknown {
		if at, ok := errors.AsType[sigsjson.FieldError](e); ok {
			f.addf(joinPath(key, at.FieldPath()), "is no field that Kubernetes knows")
		} else {
			f.addf(key, "%s", e)
		}
	}
	return v
}

// joinPath joins a key and the path of a field within its value.
func joinPath(key, path string) string {
	if key == "" || path == "" || strings.HasPrefix(path, "[") {
		return key + path
	}
	return key + "." + path
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map, reflect.Pointer:
		return "an object"
	}
	return "a whole number"
}

// withoutNulls returns a deep copy of plain data in which null is absent and
// numbers are those that Kubernetes has, where that loses no digit.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			if e != nil {
				out[k] = withoutNulls(e)
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			if e != nil {
				out = append(out, withoutNulls(e))
			}
		}
		return out
	case json.Number:
		if n, ok := models.Int(v); ok {
			return n
		}
		if x, ok := models.Float(v); ok {
			return x
		}
	}
	return v
}

// set puts v at key, unless there is nothing to put: nil, or an empty list or
// map. Zero numbers, false and "" are values.
func set(m map[string]any, key string, v any) {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Invalid:
		return
	case reflect.Map, reflect.Slice:
		if r.Len() == 0 {
			return
		}
	}
	m[key] = v
}

// muted returns f without its reports, for what is read a second time.
func muted(f fields) fields {
	f.out = &models.Problems{}
	return f
}
