package models

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Data is what a node holds: strings, bools, int64, float64, json.Number, nil,
// map[string]any and []any, nested. A json.Number is a number whose digits
// neither int64 nor float64 keeps, such as 1.10 or 2^64. The accessors treat
// null like an absent key, because a browser sends a cleared number field as
// null.
type Data map[string]any

// UnmarshalJSON reads an object and keeps every digit of its numbers.
func (d *Data) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return typeError(err, "must be an object") // values inside m can have any type, so m itself is wrong
	}
	for k, v := range m {
		m[k] = plainNumbers(v)
	}
	*d = m
	return nil
}

// plainNumbers replaces every json.Number in v.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return Number(v)
	case map[string]any:
		for k, e := range v {
			v[k] = plainNumbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plainNumbers(e)
		}
	}
	return v
}

// Has reports whether key is there and not null.
func (d Data) Has(key string) bool { return d[key] != nil }

// String returns the text at key with surrounding white space removed, and ""
// when it is absent or no string.
func (d Data) String(key string) string {
	s, _ := d[key].(string)
	return strings.TrimSpace(s)
}

// Int returns the whole number at key. ok is false when key is absent, null,
// or not a whole number; text of digits counts as a number, as forms send it.
func (d Data) Int(key string) (n int64, ok bool) { return Int(d[key]) }

// Bool returns the truth value at key; absent, null and other types are false.
func (d Data) Bool(key string) bool {
	b, _ := d[key].(bool)
	return b
}

// Map returns the object at key, or nil.
func (d Data) Map(key string) Data { return AsData(d[key]) }

// AsData returns v as Data when it is an object, else nil.
func AsData(v any) Data {
	switch v := v.(type) {
	case map[string]any:
		return v
	case Data:
		return v
	}
	return nil
}

// List returns the list at key, or nil.
func (d Data) List(key string) []any {
	l, _ := d[key].([]any)
	return l
}

// Objects returns the objects in the list at key, in their order. Other entries
// are left out.
func (d Data) Objects(key string) []Data {
	var out []Data
	for _, e := range d.List(key) {
		if m := AsData(e); m != nil {
			out = append(out, m)
		}
	}
	return out
}

// Strings returns the non-empty strings of the list at key; a form sends
// empty ones while a user is typing.
func (d Data) Strings(key string) []string {
	var out []string
	for _, e := range d.List(key) {
		if s, _ := e.(string); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Keys returns the keys in alphabetical order.
func (d Data) Keys() []string { return slices.Sorted(maps.Keys(d)) }
