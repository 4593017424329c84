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

// each returns the values to add and the number behind $slice, if any. The
// modifiers count where $each comes first.
func (t target) each() (vals []bsonval.Value, slice *int64, err error) {
	if first, _, _ := bsonval.First(t.arg.Data); !bsonval.IsDoc(t.arg) || first != "$each" {
		if _, late := bsonval.Lookup(t.arg.Data, "$each"); late && bsonval.IsDoc(t.arg) {
			return nil, nil, mongoerr.New(mongoerr.BadValue, "$each has to be the first field of %s", t.name)
		}
		return []bsonval.Value{t.arg}, nil, nil
	}
	for k, v := range bsonval.Fields(t.arg.Data) {
		switch name := string(k); {
		case name == "$each":
			if !bsonval.IsArray(v) {
				return nil, nil, mongoerr.New(mongoerr.BadValue, "The argument to $each in %s must be an array", t.name)
			}
			vals = bsonval.Elements(v.Data)
		case name == "$slice" && t.name == "$push":
			n, ok := bsonval.Integer(v)
			if !ok {
				return nil, nil, mongoerr.New(mongoerr.BadValue, "The value for $slice must be a whole number but was %s", v)
			}
			slice = &n
		default:
			return nil, nil, mongoerr.New(mongoerr.BadValue, "%s beside $each is unknown or not supported in %s", name, t.name)
		}
	}
	return vals, slice, nil
}

func push(t target) (bsonval.Value, bool, error) {
	list, err := t.elements()
	if err != nil {
		return bsonval.Value{}, false, err
	}
	vals, slice, err := t.each()
	if err != nil {
		return bsonval.Value{}, false, err
	}
	list = append(list, vals...)
	if slice != nil {
		list = sliceTo(list, *slice)
	}
	return bsonval.Array(list), true, nil
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
	vals, _, err := t.each()
	if err != nil {
		return bsonval.Value{}, false, err
	}
	before := len(list)
	for _, v := range vals {
		if !slices.ContainsFunc(list, func(o bsonval.Value) bool { return bsonval.Equal(o, v) }) {
			list = append(list, v)
		}
	}
	return bsonval.Array(list), !t.exists || len(list) > before, nil
}

// pull has parsed its condition before; it never makes a field.
func pull(t target) (bsonval.Value, bool, error) {
	list, err := t.elements()
	if err != nil {
		return bsonval.Value{}, false, err
	}
	before := len(list)
	list = slices.DeleteFunc(list, t.pulls)
	return bsonval.Array(list), len(list) < before, nil
}

func (op *operation) parsePull() (err error) {
	op.pulls, err = filter.ParseElement(op.arg)
	return err
}
