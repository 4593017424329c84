package bsonval

import (
	"strconv"
)

// ArrayIndex reads a path component as a position in an array.
func ArrayIndex(part string) (int, bool) {
	if part == "" || (part[0] == '0' && len(part) > 1) {
		return 0, false
	}
	n, err := strconv.Atoi(part)
	return n, err == nil && part[0] >= '0' && part[0] <= '9'
}

// Walk calls fn for everything that a query on path in doc looks at, until fn
// returns true; it reports whether that happened.
//
// On its way Walk goes into the documents of arrays, and to a position when the
// path names one. At the end of the path, an array's elements come before the
// array itself if expand is set. A document without the field gives one call
// with present false.
func Walk(doc []byte, path []string, expand bool, fn func(v Value, present bool) bool) bool {
	v, ok := Lookup(doc, path[0])
	if !ok {
		return fn(Value{}, false)
	}
	return walkValue(v, path[1:], expand, fn)
}

func walkValue(v Value, rest []string, expand bool, fn func(Value, bool) bool) bool {
	switch {
	case len(rest) == 0:
		if expand && IsArray(v) {
			for _, e := range Fields(v.Data) {
				if fn(e, true) {
					return true
				}
			}
		}
		return fn(v, true)
	case IsDoc(v):
		return Walk(v.Data, rest, expand, fn)
	case IsArray(v):
		return walkArray(v, rest, expand, fn)
	}
	return fn(Value{}, false)
}

func walkArray(v Value, rest []string, expand bool, fn func(Value, bool) bool) bool {
	at, positional := ArrayIndex(rest[0])
	i := 0
	for _, e := range Fields(v.Data) {
		if IsDoc(e) && Walk(e.Data, rest, expand, fn) {
			return true
		}
		if positional && i == at && walkPosition(e, rest[1:], expand, fn) {
			return true
		}
		i++
	}
	return false
}

func walkPosition(e Value, rest []string, expand bool, fn func(Value, bool) bool) bool {
	switch {
	case len(rest) == 0:
		return fn(e, true)
	case IsDoc(e), IsArray(e):
		return walkValue(e, rest, expand, fn)
	}
	return false
}

// Get returns the value at path when no array lies on the way, as needed where
// a document has exactly one value for a path.
func Get(doc []byte, path []string) (Value, bool) {
	v, ok := Lookup(doc, path[0])
	if !ok || len(path) == 1 {
		return v, ok
	}
	if !IsDoc(v) {
		return Value{}, false
	}
	return Get(v.Data, path[1:])
}
