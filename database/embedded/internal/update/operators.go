package update

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// operator computes what becomes of one value. It gives false if nothing is to
// be written.
type operator func(t target) (bsonval.Value, bool, error)

// target is where an operator works. Cur means nothing unless Exists.
type target struct {
	name   string // the operator
	field  string
	cur    bsonval.Value
	exists bool
	arg    bsonval.Value
	c      Context
}

// operatorFor returns nil for names that are no operator, and for $unset and
// $rename, which are not about the value.
func operatorFor(name string) operator {
	switch name {
	case "$set", "$setOnInsert":
		return set
	case "$inc", "$mul":
		return arithmetic
	case "$min":
		return minimum
	case "$max":
		return maximum
	case "$currentDate":
		return currentDate
	case "$push":
		return push
	case "$addToSet":
		return addToSet
	case "$pull":
		return pull
	case "$pullAll":
		return pullAll
	case "$pop":
		return pop
	}
	return nil
}

func applyAt(root *node, op operation, path []string, c Context) error {
	switch op.name {
	case "$unset":
		root.unset(path)
		return nil
	case "$rename":
		return rename(root, path, op.to)
	}
	t := target{name: op.name, field: strings.Join(path, "."), arg: op.arg, c: c}
	if n := root.find(path); n != nil {
		t.cur, t.exists = n.value(), true
	}
	v, write, err := operatorFor(op.name)(t)
	if err != nil || !write {
		return err
	}
	return root.setAt(path, v)
}

func rename(root *node, from, to []string) error {
	for _, path := range [][]string{from, to} {
		for i := range path {
			if n := root.find(path[:i]); n != nil && n.isArray() {
				return mongoerr.New(mongoerr.BadValue, "$rename cannot work inside the array '%s'", strings.Join(path[:i], "."))
			}
		}
	}
	n := root.find(from)
	if n == nil {
		return nil
	}
	v := n.value()
	if len(to)+bsonval.Depth(v) > bsonval.MaxDepth {
		return mongoerr.New(mongoerr.Overflow, "renaming to '%s' would exceed the maximum nesting of %d", strings.Join(to, "."), bsonval.MaxDepth)
	}
	root.unset(from)
	return root.setAt(to, v)
}

func set(t target) (bsonval.Value, bool, error) { return t.arg, true, nil }

func minimum(t target) (bsonval.Value, bool, error) {
	return t.arg, !t.exists || bsonval.Compare(t.arg, t.cur) < 0, nil
}

func maximum(t target) (bsonval.Value, bool, error) {
	return t.arg, !t.exists || bsonval.Compare(t.arg, t.cur) > 0, nil
}

func currentDate(t target) (bsonval.Value, bool, error) {
	kind := "date"
	if bsonval.IsDoc(t.arg) {
		v, _ := bsonval.Lookup(t.arg.Data, "$type")
		kind, _ = v.StringValueOK()
	} else if t.arg.Type != bsoncore.TypeBoolean {
		kind = ""
	}
	switch kind {
	case "date":
		return bsonval.DateTime(t.c.Now.UnixMilli()), true, nil
	case "timestamp":
		ts := bsoncore.AppendTimestamp(nil, uint32(t.c.Now.Unix()), uint32(t.c.Now.Nanosecond()))
		return bsonval.Value{Type: bsoncore.TypeTimestamp, Data: ts}, true, nil
	}
	return bsonval.Value{}, false, mongoerr.New(mongoerr.BadValue,
		"$currentDate of '%s' must be true or {$type: 'date'} or {$type: 'timestamp'}", t.field)
}

// arithmetic keeps the wider of the two types; only int32 widens by itself.
func arithmetic(t target) (bsonval.Value, bool, error) {
	if _, ok := bsonval.Number(t.arg); !ok {
		return bsonval.Value{}, false, mongoerr.New(mongoerr.TypeMismatch,
			"Cannot %s with non-numeric argument: {%s: %s}", t.name, t.field, t.arg)
	}
	cur := t.cur
	if !t.exists {
		if t.name == "$inc" {
			return t.arg, true, nil
		}
		cur = bsonval.Value{Type: t.arg.Type, Data: make([]byte, len(t.arg.Data))} // zero of the same type
	}
	if _, ok := bsonval.Number(cur); !ok {
		return bsonval.Value{}, false, mongoerr.New(mongoerr.TypeMismatch,
			"Cannot apply %s to a value of non-numeric type. The field '%s' is of type %s", t.name, t.field, bsonval.TypeName(cur.Type))
	}
	if cur.Type == bsoncore.TypeDouble || t.arg.Type == bsoncore.TypeDouble {
		a, _ := bsonval.Number(cur)
		b, _ := bsonval.Number(t.arg)
		if t.name == "$mul" {
			return bsonval.Double(a * b), true, nil
		}
		return bsonval.Double(a + b), true, nil
	}
	n, ok := integers(t.name, cur.AsInt64(), t.arg.AsInt64())
	if !ok {
		return bsonval.Value{}, false, mongoerr.New(mongoerr.BadValue,
			"Failed to apply %s operations to current value of '%s': it would overflow", t.name, t.field)
	}
	if cur.Type == bsoncore.TypeInt32 && t.arg.Type == bsoncore.TypeInt32 && n == int64(int32(n)) {
		return bsonval.Int32(int32(n)), true, nil
	}
	return bsonval.Int64(n), true, nil
}

func integers(name string, a, b int64) (int64, bool) {
	if name == "$inc" {
		sum := a + b
		return sum, (sum > a) == (b > 0)
	}
	if a == 0 || b == 0 {
		return 0, true
	}
	product := a * b
	return product, product/b == a && !(a == -1 && b == -1<<63) && !(b == -1 && a == -1<<63)
}
