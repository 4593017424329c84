package inventory

import (
	"math"
	"time"
)

// object is part of a decoded object. Its accessors take absent fields, and fields
// of another type, for zero.
type object map[string]any

func (o object) at(keys ...string) object {
	for _, k := range keys {
		next, _ := o[k].(map[string]any)
		o = next
	}
	return o
}

func (o object) text(key string) string {
	s, _ := o[key].(string)
	return s
}

func (o object) truth(key string) bool {
	b, _ := o[key].(bool)
	return b
}

func (o object) list(key string) []any {
	l, _ := o[key].([]any)
	return l
}

// objects returns the objects within a list, at most maxItems.
func (o object) objects(key string) []object {
	l := o.list(key)
	out := make([]object, 0, min(len(l), maxItems))
	for _, e := range l {
		if m, ok := e.(map[string]any); ok && len(out) < maxItems {
			out = append(out, m)
		}
	}
	return out
}

// number returns a whole number that a float64 holds exactly.
func (o object) number(key string) (n float64, ok bool) {
	switch v := o[key].(type) {
	case int64:
		n = float64(v)
	case float64:
		n = v
	default:
		return 0, false
	}
	if n != math.Trunc(n) || math.Abs(n) > 1<<53 {
		return 0, false
	}
	return n, true
}

func (o object) numberOr(key string, otherwise float64) float64 {
	if n, ok := o.number(key); ok {
		return n
	}
	return otherwise
}

func (o object) count(key string) float64 { return o.numberOr(key, 0) }

// time returns a time as RFC 3339 text in UTC, or "".
func (o object) time(key string) string {
	t, err := time.Parse(time.RFC3339, o.text(key))
	if t = storable(t); err != nil || t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

// storable returns t in UTC, or the zero time where its year has no four digits,
// which encoding/json refuses.
func storable(t time.Time) time.Time {
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// condition returns the condition of the given type of a whole object.
func (o object) condition(kind string) object {
	for _, c := range o.at("status").objects("conditions") {
		if c.text("type") == kind {
			return c
		}
	}
	return nil
}

// observed reports whether the controller has seen the present spec. Until then
// its status speaks of an older one.
func (o object) observed() bool {
	return o.at("status").count("observedGeneration") >= o.at("metadata").count("generation")
}
