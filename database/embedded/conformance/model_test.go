package conformance

import (
	"cmp"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The model answers queries on values of Go, as MongoDB's manual describes it,
// for exactly what the store supports. It is slow, and has nothing in common
// with the store.

// absent stands for a field that a document does not have; emptyList for the
// place of an empty array in a sort.
type (
	absent    struct{}
	emptyList struct{}
)

func rank(v any) int {
	switch v.(type) {
	case emptyList:
		return 1
	case nil, absent:
		return 2
	case int32, int64, float64:
		return 3
	case string:
		return 4
	case bson.D:
		return 5
	case bson.A:
		return 6
	case bool:
		return 7
	case bson.DateTime:
		return 8
	}
	panic("a value that the model does not know")
}

func isNaN(v any) bool { f, ok := v.(float64); return ok && math.IsNaN(f) }

// exact returns a number without rounding; infinities are kept.
func exact(v any) *big.Float {
	switch v := v.(type) {
	case int32:
		return new(big.Float).SetInt64(int64(v))
	case int64:
		return new(big.Float).SetInt64(v)
	}
	return new(big.Float).SetFloat64(v.(float64))
}

// compare orders values as the manual's comparison order does.
func compare(a, b any) int {
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case int32, int64, float64:
		if isNaN(a) || isNaN(b) {
			return cmp.Compare(boolInt(isNaN(b)), boolInt(isNaN(a)))
		}
		return exact(a).Cmp(exact(b))
	case string:
		return strings.Compare(a, b.(string))
	case bool:
		return cmp.Compare(boolInt(a), boolInt(b.(bool)))
	case bson.DateTime:
		return cmp.Compare(a, b.(bson.DateTime))
	case bson.A:
		return slices.CompareFunc(a, b.(bson.A), compare)
	case bson.D:
		return slices.CompareFunc(a, b.(bson.D), func(x, y bson.E) int {
			return cmp.Or(cmp.Compare(rank(x.Value), rank(y.Value)), strings.Compare(x.Key, y.Key), compare(x.Value, y.Value))
		})
	}
	return 0
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func get(d bson.D, name string) any {
	for _, e := range d {
		if e.Key == name {
			return e.Value
		}
	}
	return absent{}
}

// reach returns what a query finds at a path: one value or, through arrays,
// one for each document in them.
func reach(v any, path []string) []any {
	if len(path) == 0 {
		return []any{v}
	}
	switch v := v.(type) {
	case bson.D:
		return reach(get(v, path[0]), path[1:])
	case bson.A:
		var all []any
		for _, e := range v {
			if d, ok := e.(bson.D); ok {
				all = append(all, reach(d, path)...)
			}
		}
		return all
	}
	return []any{absent{}}
}

// withElements adds the elements of arrays to the values.
func withElements(vals []any) []any {
	var all []any
	for _, v := range vals {
		if list, ok := v.(bson.A); ok {
			all = append(all, list...)
		}
		all = append(all, v)
	}
	return all
}

func matches(d bson.D, query bson.D) bool {
	for _, e := range query {
		ok := false
		switch e.Key {
		case "$and", "$or":
			parts := e.Value.(bson.A)
			fits := func(q any) bool { return matches(d, q.(bson.D)) }
			if e.Key == "$or" {
				ok = slices.ContainsFunc(parts, fits)
			} else {
				ok = !slices.ContainsFunc(parts, func(q any) bool { return !fits(q) })
			}
		default:
			ok = holds(reach(d, strings.Split(e.Key, ".")), e.Value)
		}
		if !ok {
			return false
		}
	}
	return true
}

// holds reports whether a condition holds for the values at a path.
func holds(vals []any, condition any) bool {
	ops, ok := condition.(bson.D)
	if !ok || len(ops) == 0 || !strings.HasPrefix(ops[0].Key, "$") {
		return holds(vals, bson.D{{Key: "$eq", Value: condition}})
	}
	for _, op := range ops {
		if !holdsOne(vals, op.Key, op.Value, ops) {
			return false
		}
	}
	return true
}

func holdsOne(vals []any, op string, arg any, around bson.D) bool {
	switch op {
	case "$ne":
		return !holdsOne(vals, "$eq", arg, around)
	case "$nin":
		return !holdsOne(vals, "$in", arg, around)
	case "$not":
		return !holds(vals, arg)
	case "$options":
		return true
	case "$exists":
		return slices.ContainsFunc(vals, func(v any) bool { return v != absent{} }) == arg.(bool)
	case "$size":
		return slices.ContainsFunc(vals, func(v any) bool {
			list, ok := v.(bson.A)
			return ok && len(list) == int(arg.(int32))
		})
	case "$elemMatch":
		return slices.ContainsFunc(vals, func(v any) bool {
			list, _ := v.(bson.A)
			return slices.ContainsFunc(list, func(e any) bool { return elementHolds(e, arg.(bson.D)) })
		})
	}
	return slices.ContainsFunc(withElements(vals), func(v any) bool { return valueHolds(v, op, arg, around) })
}

// elementHolds is $elemMatch: operators on the element itself, or a query on an
// element that is a document. An array in an array is a document without the
// fields that the queries here ask for.
func elementHolds(e any, condition bson.D) bool {
	if len(condition) == 0 || !strings.HasPrefix(condition[0].Key, "$") || condition[0].Key == "$or" || condition[0].Key == "$and" {
		if _, isList := e.(bson.A); isList {
			e = bson.D{}
		}
		d, ok := e.(bson.D)
		return ok && matches(d, condition)
	}
	for _, op := range condition {
		ok := false
		switch op.Key {
		case "$ne":
			ok = !valueHolds(e, "$eq", op.Value, nil)
		case "$nin":
			ok = !valueHolds(e, "$in", op.Value, nil)
		case "$exists":
			ok = op.Value.(bool)
		default:
			ok = valueHolds(e, op.Key, op.Value, condition)
		}
		if !ok {
			return false
		}
	}
	return true
}

func valueHolds(v any, op string, arg any, around bson.D) bool {
	switch op {
	case "$eq":
		return compare(v, arg) == 0
	case "$in":
		return slices.ContainsFunc(arg.(bson.A), func(a any) bool { return compare(v, a) == 0 })
	case "$regex":
		s, ok := v.(string)
		expr := arg.(string)
		if get(around, "$options") == "i" {
			expr = "(?i)" + expr
		}
		return ok && regexp.MustCompile(expr).MatchString(s)
	}
	if _, missing := v.(absent); missing || rank(v) != rank(arg) {
		return false
	}
	if isNaN(v) != isNaN(arg) {
		return false
	}
	c := compare(v, arg)
	switch op {
	case "$gt":
		return c > 0
	case "$gte":
		return c >= 0
	case "$lt":
		return c < 0
	case "$lte":
		return c <= 0
	}
	panic("an operator that the model does not know: " + op)
}

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
