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
		var ok bool
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
		var ok bool
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
