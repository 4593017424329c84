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

// target is where an operator works. Cur means nothing unless exists.
type target struct {
	operation
	field  string
	cur    bsonval.Value
	exists bool
}

// operatorFor returns nil for names that are no operator, and for $unset, which
// is not about the value.
func operatorFor(name string) operator {
	switch name {
	case "$set", "$setOnInsert":
		return set
	case "$inc":
		return increment
	case "$min":
		return minimum
	case "$max":
		return maximum
	case "$push":
		return push
	case "$addToSet":
		return addToSet
	case "$pull":
		return pull
	}
	return nil
}

func (op operation) applyAt(root *node, path []string) error {
	if op.name == "$unset" {
		root.unset(path)
		return nil
	}
	t := target{operation: op, field: strings.Join(path, ".")}
	if n := root.find(path); n != nil {
		t.cur, t.exists = n.value(), true
	} else if op.name == "$pull" {
		return root.viable(path)
	}
	v, write, err := operatorFor(op.name)(t)
	if err != nil || !write {
		return err
	}
	return root.setAt(path, v)
}

func set(t target) (bsonval.Value, bool, error) { return t.arg, true, nil }

func minimum(t target) (bsonval.Value, bool, error) {
	return t.arg, !t.exists || bsonval.Compare(t.arg, t.cur) < 0, nil
}

func maximum(t target) (bsonval.Value, bool, error) {
	return t.arg, !t.exists || bsonval.Compare(t.arg, t.cur) > 0, nil
}

// increment keeps the wider of the two types; only int32 widens by itself.
func increment(t target) (bsonval.Value, bool, error) {
	by, ok := bsonval.Number(t.arg)
	if !ok {
		return bsonval.Value{}, false, mongoerr.New(mongoerr.TypeMismatch,
			"Cannot increment with non-numeric argument: {%s: %s}", t.field, t.arg)
	}
	if !t.exists {
		return t.arg, true, nil
	}
	cur, ok := bsonval.Number(t.cur)
	if !ok {
		return bsonval.Value{}, false, mongoerr.New(mongoerr.TypeMismatch,
			"Cannot apply $inc to a value of non-numeric type. The field '%s' is of type %s", t.field, bsonval.TypeName(t.cur.Type))
	}
	if t.cur.Type == bsoncore.TypeDouble || t.arg.Type == bsoncore.TypeDouble {
		return bsonval.Double(cur + by), true, nil
	}
	n, ok := bsonval.AddInt64(t.cur.AsInt64(), t.arg.AsInt64())
	if !ok {
		return bsonval.Value{}, false, mongoerr.New(mongoerr.BadValue,
			"Failed to apply $inc operations to current value of '%s': it would overflow", t.field)
	}
	if t.cur.Type == bsoncore.TypeInt32 && t.arg.Type == bsoncore.TypeInt32 && n == int64(int32(n)) {
		return bsonval.Int32(int32(n)), true, nil
	}
	return bsonval.Int64(n), true, nil
}
