package conformance

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// sortTuples returns every combination of values that a document has for the
// fields of a sort, through arrays, and whether there was an array. It returns
// nil if two fields lie in different arrays.
func sortTuples(v any, paths [][]string) (tuples [][]any, array bool) {
	if list, ok := v.(bson.A); ok {
		if len(list) == 0 {
			list = bson.A{emptyList{}}
		}
		for _, e := range list {
			below, ok := elementTuples(e, paths)
			if !ok {
				return nil, true
			}
			tuples = append(tuples, below...)
		}
		return tuples, true
	}
	return combine(paths, func(name string, rest [][]string) ([][]any, bool) {
		d, _ := v.(bson.D)
		return sortTuples(get(d, name), rest)
	}, v)
}

// elementTuples is sortTuples for an element of an array, which is taken as it
// is where a path ends.
func elementTuples(e any, paths [][]string) ([][]any, bool) {
	tuples, _ := combine(paths, func(name string, rest [][]string) ([][]any, bool) {
		d, _ := e.(bson.D)
		return sortTuples(get(d, name), rest)
	}, e)
	return tuples, tuples != nil
}

// combine joins what the fields below each name have. Paths that end here have
// the value end.
func combine(paths [][]string, below func(string, [][]string) ([][]any, bool), end any) (tuples [][]any, array bool) {
	tuples = [][]any{make([]any, len(paths))}
	done := map[string]bool{}
	for i, path := range paths {
		if len(path) == 0 {
			tuples[0][i] = end
		}
	}
	for _, path := range paths {
		if len(path) == 0 || done[path[0]] {
			continue
		}
		done[path[0]] = true
		var at []int
		var rest [][]string
		for i, p := range paths {
			if len(p) > 0 && p[0] == path[0] {
				at, rest = append(at, i), append(rest, p[1:])
			}
		}
		parts, through := below(path[0], rest)
		if parts == nil || through && array {
			return nil, true
		}
		array = array || through
		var joined [][]any
		for _, t := range tuples {
			for _, part := range parts {
				next := slices.Clone(t)
				for j, i := range at {
					next[i] = part[j]
				}
				joined = append(joined, next)
			}
		}
		tuples = joined
	}
	return tuples, array
}

// sorted orders documents; nil if one of them cannot be sorted.
func sorted(docs []bson.D, by bson.D) []bson.D {
	var paths [][]string
	for _, e := range by {
		paths = append(paths, strings.Split(e.Key, "."))
	}
	order := func(a, b []any) int {
		for i, e := range by {
			if c := compare(a[i], b[i]) * e.Value.(int); c != 0 {
				return c
			}
		}
		return 0
	}
	type row struct {
		doc bson.D
		key []any
	}
	var rows []row
	for _, d := range docs {
		tuples, _ := sortTuples(d, paths)
		if tuples == nil {
			return nil
		}
		rows = append(rows, row{d, slices.MinFunc(tuples, order)})
	}
	slices.SortStableFunc(rows, func(a, b row) int { return order(a.key, b.key) })
	out := []bson.D{}
	for _, r := range rows {
		out = append(out, r.doc)
	}
	return out
}

// project returns what a projection leaves of a document.
func project(d bson.D, projection bson.D) bson.D {
	include, id := false, true
	var paths [][]string
	for _, e := range projection {
		on := e.Value.(int) != 0
		if e.Key == "_id" {
			id = on
			include = include || on && len(projection) == 1
			continue
		}
		include = on
		paths = append(paths, strings.Split(e.Key, "."))
	}
	out := bson.D{}
	for _, e := range d {
		if e.Key == "_id" {
			if id {
				out = append(out, e)
			}
			continue
		}
		if v, keep := projectField(e, paths, include); keep {
			out = append(out, bson.E{Key: e.Key, Value: v})
		}
	}
	return out
}

func projectField(e bson.E, paths [][]string, include bool) (any, bool) {
	var below [][]string
	for _, p := range paths {
		if p[0] == e.Key {
			if len(p) == 1 {
				return e.Value, include
			}
			below = append(below, p[1:])
		}
	}
	if below == nil {
		return e.Value, !include
	}
	return projectValue(e.Value, below, include)
}

func projectValue(v any, paths [][]string, include bool) (any, bool) {
	switch v := v.(type) {
	case bson.D:
		out := bson.D{}
		for _, e := range v {
			if inner, keep := projectField(e, paths, include); keep {
				out = append(out, bson.E{Key: e.Key, Value: inner})
			}
		}
		return out, true
	case bson.A:
		out := bson.A{}
		for _, e := range v {
			if inner, keep := projectValue(e, paths, include); keep {
				out = append(out, inner)
			}
		}
		return out, true
	}
	return v, !include
}
