package update

import (
	"slices"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/filter"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// elements returns the array that an array operator works on; a missing one is
// empty.
func (t target) elements() ([]bsonval.Value, error) {
	if !t.exists {
		return nil, nil
	}
	if !bsonval.IsArray(t.cur) {
		return nil, mongoerr.New(mongoerr.BadValue, "The field '%s' must be an array but is of type %s, for %s",
			t.field, bsonval.TypeName(t.cur.Type), t.name)
	}
	return bsonval.Elements(t.cur.Data), nil
}

// each returns the values to add and the modifiers around $each, if any.
func (t target) each() (vals []bsonval.Value, modifiers []byte, err error) {
	if !bsonval.IsDoc(t.arg) {
		return []bsonval.Value{t.arg}, nil, nil
	}
	list, ok := bsonval.Lookup(t.arg.Data, "$each")
	if !ok {
		return []bsonval.Value{t.arg}, nil, nil
	}
	if !bsonval.IsArray(list) {
		return nil, nil, mongoerr.New(mongoerr.TypeMismatch, "The argument to $each in %s must be an array", t.name)
	}
	return bsonval.Elements(list.Data), t.arg.Data, nil
}

func push(t target) (bsonval.Value, bool, error) {
	list, err := t.elements()
	if err != nil {
		return bsonval.Value{}, false, err
	}
	vals, modifiers, err := t.each()
	if err != nil {
		return bsonval.Value{}, false, err
	}
	m, err := parseModifiers(modifiers)
	if err != nil {
		return bsonval.Value{}, false, err
	}
	at := len(list)
	if m.position != nil {
		at = clampPosition(*m.position, len(list))
	}
	list = slices.Insert(list, at, vals...)
	if m.sort != nil {
		slices.SortStableFunc(list, m.sort)
	}
	if m.slice != nil {
		list = sliceTo(list, *m.slice)
	}
	return bsonval.Array(list), true, nil
}

func clampPosition(p int64, n int) int {
	if p < 0 {
		p += int64(n)
	}
	return int(min(max(p, 0), int64(n)))
}

// sliceTo keeps the first n elements, or the last -n.
func sliceTo(list []bsonval.Value, n int64) []bsonval.Value {
	size := int64(len(list))
	if n >= 0 {
		return list[:min(n, size)]
	}
	return list[max(0, size+n):]
}

func addToSet(t target) (bsonval.Value, bool, error) {
	list, err := t.elements()
	if err != nil {
		return bsonval.Value{}, false, err
	}
	vals, modifiers, err := t.each()
	if err != nil {
		return bsonval.Value{}, false, err
	}
	for k := range bsonval.Fields(modifiers) {
		if string(k) != "$each" {
			return bsonval.Value{}, false, mongoerr.New(mongoerr.BadValue, "Found unexpected fields after $each in $addToSet: %s", k)
		}
	}
	before := len(list)
	for _, v := range vals {
		if !contains(list, v) {
			list = append(list, v)
		}
	}
	return bsonval.Array(list), !t.exists || len(list) > before, nil
}

func contains(list []bsonval.Value, v bsonval.Value) bool {
	return slices.ContainsFunc(list, func(o bsonval.Value) bool { return bsonval.Equal(o, v) })
}

func pull(t target) (bsonval.Value, bool, error) {
	matches, err := filter.ParseElement(t.arg)
	if err != nil {
		return bsonval.Value{}, false, err
	}
	return t.without(matches)
}

func pullAll(t target) (bsonval.Value, bool, error) {
	if !bsonval.IsArray(t.arg) {
		return bsonval.Value{}, false, mongoerr.New(mongoerr.BadValue, "$pullAll requires an array argument")
	}
	drop := bsonval.Elements(t.arg.Data)
	return t.without(func(v bsonval.Value) bool { return contains(drop, v) })
}

func (t target) without(drop func(bsonval.Value) bool) (bsonval.Value, bool, error) {
	list, err := t.elements()
	if err != nil {
		return bsonval.Value{}, false, err
	}
	before := len(list)
	list = slices.DeleteFunc(list, drop)
	return bsonval.Array(list), len(list) < before, nil
}

func pop(t target) (bsonval.Value, bool, error) {
	end, ok := bsonval.Integer(t.arg)
	if !ok || end != 1 && end != -1 {
		return bsonval.Value{}, false, mongoerr.New(mongoerr.FailedToParse, "$pop expects 1 or -1, found: %s", t.arg)
	}
	list, err := t.elements()
	if err != nil || len(list) == 0 {
		return bsonval.Value{}, false, err
	}
	if end == 1 {
		return bsonval.Array(list[:len(list)-1]), true, nil
	}
	return bsonval.Array(list[1:]), true, nil
}

// modifiers are what stands beside $each in a $push.
type modifiers struct {
	position, slice *int64
	sort            func(a, b bsonval.Value) int
}

func parseModifiers(doc []byte) (modifiers, error) {
	var m modifiers
	for k, v := range bsonval.Fields(doc) {
		switch name := string(k); name {
		case "$each":
		case "$position", "$slice":
			n, ok := bsonval.Integer(v)
			if !ok {
				return m, mongoerr.New(mongoerr.BadValue, "The value for %s must be a whole number but was %s", name, v)
			}
			if name == "$slice" {
				m.slice = &n
			} else {
				m.position = &n
			}
		case "$sort":
			sort, err := pushSort(v)
			if err != nil {
				return m, err
			}
			m.sort = sort
		default:
			return m, mongoerr.New(mongoerr.BadValue, "Unrecognized clause in $push: %s", name)
		}
	}
	return m, nil
}

// pushSort reads 1, -1, or a sort specification for elements that are documents.
func pushSort(v bsonval.Value) (func(a, b bsonval.Value) int, error) {
	if n, ok := bsonval.Integer(v); ok && (n == 1 || n == -1) {
		return func(a, b bsonval.Value) int { return int(n) * bsonval.Compare(a, b) }, nil
	}
	if !bsonval.IsDoc(v) {
		return nil, mongoerr.New(mongoerr.BadValue, "The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields")
	}
	order, err := bsonval.ParseSort(v.Data)
	if err != nil {
		return nil, mongoerr.New(mongoerr.BadValue, "%v", err)
	}
	return func(a, b bsonval.Value) int { return bsonval.CompareDocs(asDoc(a), asDoc(b), order) }, nil
}

func asDoc(v bsonval.Value) []byte {
	if bsonval.IsDoc(v) {
		return v.Data
	}
	return nil
}
