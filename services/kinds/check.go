package kinds

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kubeorch/core/models"
)

// fields reads one object of a node's data and reports what is wrong with
// it, so that a kind reads and checks in one go. Its getters return nil for
// what is absent, null or wrong; a template leaves nil out.
type fields struct {
	data models.Data
	path string // "" for the node's data itself, else like "paths[0]."
	out  *models.Problems
}

// rule says what is wrong with a text, or "".
type rule func(string) string

// read returns the fields of n's data, reporting to out.
func read(n *Node, out *models.Problems) fields { return fields{data: n.Data, out: out} }

// addf reports a fault of key; an empty key is the object itself.
func (f fields) addf(key, format string, args ...any) {
	f.out.Addf(strings.TrimSuffix(f.path+key, "."), format, args...)
}

// check reports what the rules say about s, the value of key.
func (f fields) check(key, s string, rules ...rule) {
	for _, r := range rules {
		if msg := r(s); msg != "" {
			f.addf(key, "%s", msg)
		}
	}
}

// text returns the text at key without surrounding white space, and nil when
// there is none.
func (f fields) text(key string, rules ...rule) any {
	s, ok := f.exact(key)
	if s = strings.TrimSpace(s); !ok || s == "" {
		return nil
	}
	f.check(key, s, rules...)
	return s
}

// required is text that must be there. It returns "" when it is not.
func (f fields) required(key string, rules ...rule) string {
	before := len(*f.out)
	s, _ := f.text(key, rules...).(string)
	if s == "" && len(*f.out) == before {
		f.addf(key, "is required")
	}
	return s
}

// exact returns the text at key as it is. ok is false when there is none.
func (f fields) exact(key string) (s string, ok bool) {
	v := f.data[key]
	if s, ok = v.(string); !ok && v != nil {
		f.addf(key, "must be text")
	}
	return s, ok
}

// choice returns the text at key, which must be one of options, and nil when
// it is not.
func (f fields) choice(key string, options ...string) any {
	s := f.text(key, oneOf(options...))
	if text, _ := s.(string); !slices.Contains(options, text) {
		return nil
	}
	return s
}

func oneOf(options ...string) rule {
	return func(s string) string {
		if slices.Contains(options, s) {
			return ""
		}
		return fmt.Sprintf("must be one of %s", strings.Join(options, ", "))
	}
}

// absent reports whether nothing is at key: no value, null, or blank text,
// which is how forms clear a number.
func (f fields) absent(key string) bool {
	s, isText := f.data[key].(string)
	return f.data[key] == nil || isText && strings.TrimSpace(s) == ""
}

// optional is r for a text that may be missing.
func optional(r rule) rule {
	return func(s string) string {
		if s == "" {
			return ""
		}
		return r(s)
	}
}

// number returns the whole number at key as int64, zero included.
func (f fields) number(key string, lowest, highest int64) any {
	if f.absent(key) {
		return nil
	}
	n, ok := f.data.Int(key)
	if !ok {
		f.addf(key, "must be a whole number")
		return nil
	}
	switch {
	case n < lowest && highest == math.MaxInt64:
		f.addf(key, "must be at least %d", lowest)
		return nil
	case n < lowest || n > highest:
		f.addf(key, "must be between %d and %d", lowest, highest)
		return nil
	}
	return n
}

// port returns the port number at key.
func (f fields) port(key string) any { return f.number(key, 1, 65535) }

// maxInt32 bounds counts and most seconds, which the API keeps in 32 bits.
const maxInt32 = 1<<31 - 1

// seconds returns the duration at key, for the few that the API keeps in 64
// bits.
func (f fields) seconds(key string) any { return f.number(key, 0, math.MaxInt64) }

// count returns the number at key, which must be lowest at least.
func (f fields) count(key string, lowest int64) any { return f.number(key, lowest, maxInt32) }

// flag returns the truth value at key, false included.
func (f fields) flag(key string) any {
	switch v := f.data[key].(type) {
	case nil:
		return nil
	case bool:
		return v
	}
	f.addf(key, "must be true or false")
	return nil
}

// object returns the object at key. ok is false when there is none.
func (f fields) object(key string) (sub fields, ok bool) {
	v := f.data[key]
	sub = fields{data: models.AsData(v), path: f.path + key + ".", out: f.out}
	if v != nil && sub.data == nil {
		f.addf(key, "must be an object")
	}
	return sub, sub.data != nil
}

// objects returns the objects of the list at key, in order.
func (f fields) objects(key string) []fields {
	var found []fields
	for i, v := range f.list(key) {
		at := fmt.Sprintf("%s[%d]", key, i)
		if d := models.AsData(v); d != nil {
			found = append(found, fields{data: d, path: f.path + at + ".", out: f.out})
		} else {
			f.addf(at, "must be an object")
		}
	}
	return found
}

// maxEntries bounds every list that is read entry by entry. It is far beyond
// what a cluster takes of any of them, and keeps what compares entries with
// each other from being costly.
const maxEntries = 1000

// list returns the list at key, and nil when it is too long.
func (f fields) list(key string) []any {
	l, ok := f.data[key].([]any)
	if !ok && f.data[key] != nil {
		f.addf(key, "must be a list")
	}
	if len(l) > maxEntries {
		f.addf(key, "must not have more than %d entries, there are %d", maxEntries, len(l))
		return nil
	}
	return l
}

// texts returns the texts of the list at key as they are, but without empty
// ones, which a form sends while a user is typing.
func (f fields) texts(key string, rules ...rule) []string {
	var found []string
	for i, v := range f.list(key) {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch v := v.(type) {
		case nil:
		case string:
			if v != "" {
				f.check(at, v, rules...)
				found = append(found, v)
			}
		default:
			f.addf(at, "must be text")
		}
	}
	return found
}
