package conformance

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// errRefused is what the model says of updates that MongoDB refuses.
var errRefused = errors.New("refused")

// change is one operator on one path.
type change struct {
	op   string
	path []string
	arg  any
}

// update returns a document after an update of operators. Filters are the
// arrayFilters, of which each has one identifier.
func update(d bson.D, by bson.D, filters []bson.D, insert bool) (bson.D, error) {
	var changes []change
	for _, op := range by {
		for _, e := range op.Value.(bson.D) {
			changes = append(changes, change{op.Key, strings.Split(e.Key, "."), e.Value})
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return slices.CompareFunc(a.path, b.path, pathOrder) })
	if conflict(changes) || mixes(changes) {
		return nil, errRefused
	}
	var concrete []change
	for _, c := range changes {
		if c.op == "$setOnInsert" && !insert {
			continue
		}
		found, err := resolve(d, nil, c.path, filters)
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			concrete = append(concrete, change{c.op, path, c.arg})
		}
	}
	if conflict(concrete) {
		return nil, errRefused
	}
	var out any = d
	for _, c := range concrete {
		var err error
		if out, err = apply(out, c.path, c); err != nil {
			return nil, err
		}
	}
	return out.(bson.D), nil
}

// pathOrder puts numbers by value before names.
func pathOrder(a, b string) int {
	i, errA := strconv.Atoi(a)
	j, errB := strconv.Atoi(b)
	switch {
	case errA == nil && errB == nil:
		return i - j
	case errA == nil:
		return -1
	case errB == nil:
		return 1
	}
	return strings.Compare(a, b)
}

// conflict reports whether one path leads to another or through it.
func conflict(changes []change) bool {
	for i, a := range changes {
		for j, b := range changes {
			if i != j && len(a.path) <= len(b.path) && slices.Equal(a.path, b.path[:len(a.path)]) {
				return true
			}
		}
	}
	return false
}

// mixes reports whether two paths enter one array, one by a filter and one not.
func mixes(changes []change) bool {
	for _, a := range changes {
		for _, b := range changes {
			for i := 0; i < min(len(a.path), len(b.path)) && slices.Equal(a.path[:i], b.path[:i]); i++ {
				if strings.HasPrefix(a.path[i], "$") != strings.HasPrefix(b.path[i], "$") {
					return true
				}
			}
		}
	}
	return false
}

// resolve replaces $[] and $[identifier] by positions.
func resolve(v any, before, path []string, filters []bson.D) ([][]string, error) {
	if len(path) == 0 {
		return [][]string{before}, nil
	}
	list, isList := v.(bson.A)
	if !strings.HasPrefix(path[0], "$") {
		next := any(absent{})
		if d, ok := v.(bson.D); ok {
			next = get(d, path[0])
		} else if i, err := strconv.Atoi(path[0]); isList && err == nil && i < len(list) {
			next = list[i]
		}
		return resolve(next, append(slices.Clone(before), path[0]), path[1:], filters)
	}
	if !isList {
		return nil, errRefused
	}
	id := strings.TrimSuffix(strings.TrimPrefix(path[0], "$["), "]")
	var all [][]string
	for i, e := range list {
		if id != "" && slices.ContainsFunc(filters, func(f bson.D) bool {
			name, _, _ := strings.Cut(f[0].Key, ".")
			return name == id && !matches(bson.D{{Key: id, Value: e}}, f)
		}) {
			continue
		}
		found, err := resolve(e, append(slices.Clone(before), strconv.Itoa(i)), path[1:], filters)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// apply returns v with the change made at path.
func apply(v any, path []string, c change) (any, error) {
	if len(path) == 0 {
		return operate(v, c)
	}
	creates := c.op != "$unset" && c.op != "$pull"
	switch v := v.(type) {
	case absent:
		if !creates {
			return v, nil
		}
		return apply(bson.D{}, path, c)
	case bson.D:
		out := slices.Clone(v)
		at := slices.IndexFunc(out, func(e bson.E) bool { return e.Key == path[0] })
		old := get(v, path[0])
		next, err := apply(old, path[1:], c)
		switch {
		case err != nil:
			return nil, err
		case at >= 0 && next == any(absent{}):
			return slices.Delete(out, at, at+1), nil
		case at >= 0:
			out[at].Value = next
		case next != any(absent{}):
			out = append(out, bson.E{Key: path[0], Value: next})
		}
		return out, nil
	case bson.A:
		return applyInList(v, path, c)
	}
	if c.op == "$unset" {
		return v, nil
	}
	return nil, errRefused
}

func applyInList(v bson.A, path []string, c change) (any, error) {
	i, err := strconv.Atoi(path[0])
	isPosition := err == nil
	if c.op == "$unset" && (!isPosition || i >= len(v)) || c.op == "$pull" && isPosition && i >= len(v) {
		return v, nil
	}
	if !isPosition {
		return nil, errRefused
	}
	out := slices.Clone(v)
	old := any(absent{})
	if i < len(out) {
		old = out[i]
	}
	next, err := apply(old, path[1:], c)
	if err != nil {
		return nil, err
	}
	for len(out) <= i {
		out = append(out, nil)
	}
	if next == any(absent{}) {
		next = nil // removing an element would move the others
	}
	out[i] = next
	return out, nil
}

// operate returns what becomes of one value.
func operate(v any, c change) (any, error) {
	_, missing := v.(absent)
	switch c.op {
	case "$set", "$setOnInsert":
		return c.arg, nil
	case "$unset":
		return absent{}, nil
	case "$min", "$max":
		less := !missing && compare(c.arg, v) < 0
		more := !missing && compare(c.arg, v) > 0
		if missing || c.op == "$min" && less || c.op == "$max" && more {
			return c.arg, nil
		}
		return v, nil
	case "$inc":
		return plus(v, c.arg)
	}
	list, isList := v.(bson.A)
	if !missing && !isList {
		return nil, errRefused
	}
	if c.op == "$pull" {
		if missing {
			return v, nil
		}
		return slices.DeleteFunc(slices.Clone(list), func(e any) bool { return pulled(e, c.arg) }), nil
	}
	add, slice := bson.A{c.arg}, math.MaxInt
	if d, ok := c.arg.(bson.D); ok && len(d) > 0 && d[0].Key == "$each" {
		add = d[0].Value.(bson.A)
		if len(d) > 1 {
			slice = d[1].Value.(int)
		}
	}
	out := append(bson.A{}, list...)
	for _, a := range add {
		if c.op == "$push" || !slices.ContainsFunc(out, func(e any) bool { return compare(e, a) == 0 }) {
			out = append(out, a)
		}
	}
	if slice >= 0 {
		return out[:min(slice, len(out))], nil
	}
	return out[max(0, len(out)+slice):], nil
}

func plus(v, by any) (any, error) {
	if _, missing := v.(absent); missing && rank(by) == 3 {
		return by, nil
	}
	if rank(v) != 3 || rank(by) != 3 {
		return nil, errRefused
	}
	_, aFloat := v.(float64)
	_, bFloat := by.(float64)
	if aFloat || bFloat {
		x, _ := exact64(v)
		y, _ := exact64(by)
		return x + y, nil
	}
	x, _ := exact(v).Int64()
	y, _ := exact(by).Int64()
	sum := x + y
	if (sum > x) != (y > 0) {
		return nil, errRefused
	}
	_, aSmall := v.(int32)
	_, bSmall := by.(int32)
	if aSmall && bSmall && sum == int64(int32(sum)) {
		return int32(sum), nil
	}
	return sum, nil
}

func exact64(v any) (float64, bool) {
	if f, ok := v.(float64); ok {
		return f, true
	}
	f, acc := exact(v).Float64()
	return f, acc == 0
}

// pulled reports whether $pull removes an element.
func pulled(e, condition any) bool {
	d, ok := condition.(bson.D)
	switch {
	case !ok:
		return compare(e, condition) == 0
	case len(d) > 0 && strings.HasPrefix(d[0].Key, "$") && d[0].Key != "$or":
		return holds([]any{e}, d)
	}
	element, ok := e.(bson.D)
	return ok && matches(element, d)
}
