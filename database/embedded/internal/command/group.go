package command

import (
	"bytes"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// expr is what a group computes from a document: a field's value, a constant,
// or a document of those.
type expr func(doc []byte) (v bsonval.Value, present bool)

// groupStage collects documents by a value.
type groupStage struct {
	id     expr
	fields []groupField
	groups map[string]*group
	order  []*group
}

type groupField struct {
	name string
	op   string
	arg  expr
}

type group struct {
	id   bsonval.Value
	vals []bsonval.Value
}

func parseGroup(arg bsonval.Value) (stage, error) {
	if !bsonval.IsDoc(arg) {
		return nil, mongoerr.New(15947, "a group's fields must be specified in an object")
	}
	st := &groupStage{groups: map[string]*group{}}
	for k, v := range bsonval.Fields(bytes.Clone(arg.Data)) {
		var err error
		if name := string(k); name == "_id" {
			st.id, err = parseExpr(v)
		} else {
			err = st.parseField(name, v)
		}
		if err != nil {
			return nil, err
		}
	}
	if st.id == nil {
		return nil, mongoerr.New(15955, "a group specification must include an _id")
	}
	return st, nil
}

func (st *groupStage) parseField(name string, v bsonval.Value) error {
	if !bsonval.IsDoc(v) || strings.ContainsAny(name, ".$") {
		return mongoerr.New(40234, "The field '%s' must be an accumulator object", name)
	}
	op, arg, _ := bsonval.First(v.Data)
	switch op {
	case "$sum", "$min", "$max", "$first":
	default:
		return mongoerr.New(15952, "unknown group operator '%s'", op)
	}
	e, err := parseExpr(arg)
	st.fields = append(st.fields, groupField{name: name, op: op, arg: e})
	return err
}

func parseExpr(v bsonval.Value) (expr, error) {
	if s, ok := v.StringValueOK(); ok && strings.HasPrefix(s, "$") {
		if strings.HasPrefix(s, "$$") {
			return nil, mongoerr.New(17276, "Use of undefined or unsupported variable: %s", s[2:])
		}
		path := strings.Split(s[1:], ".")
		return func(doc []byte) (bsonval.Value, bool) { return bsonval.Get(doc, path) }, nil
	}
	if bsonval.IsArray(v) {
		return nil, mongoerr.New(mongoerr.BadValue, "arrays are not supported in expressions")
	}
	if !bsonval.IsDoc(v) {
		return func([]byte) (bsonval.Value, bool) { return v, true }, nil
	}
	return parseDocExpr(v.Data)
}

func parseDocExpr(spec []byte) (expr, error) {
	var names []string
	var parts []expr
	for k, v := range bsonval.Fields(spec) {
		name := string(k)
		if strings.HasPrefix(name, "$") {
			return nil, mongoerr.New(168, "Unrecognized expression '%s'", name)
		}
		e, err := parseExpr(v)
		if err != nil {
			return nil, err
		}
		names, parts = append(names, name), append(parts, e)
	}
	return func(doc []byte) (bsonval.Value, bool) {
		idx, dst := bsoncore.AppendDocumentStart(nil)
		for i, e := range parts {
			if v, ok := e(doc); ok {
				dst = bsoncore.AppendValueElement(dst, names[i], v)
			}
		}
		return bsonval.Doc(bsonval.End(dst, idx)), true
	}, nil
}

func (st *groupStage) push(doc []byte, _ func([]byte) bool) (bool, error) {
	id, ok := st.id(doc)
	if !ok {
		id = bsonval.Null()
	}
	key := string(bsonval.AppendKey(nil, id))
	g := st.groups[key]
	if g == nil {
		g = &group{id: bsonval.Clone(id), vals: make([]bsonval.Value, len(st.fields))}
		st.groups[key] = g
		st.order = append(st.order, g)
	}
	for i, f := range st.fields {
		v, ok := f.arg(doc)
		g.vals[i] = accumulate(f.op, g.vals[i], v, ok)
	}
	return true, nil
}

// accumulate adds a document's value to what a group has so far; Type 0 means
// nothing yet.
func accumulate(op string, have, v bsonval.Value, present bool) bsonval.Value {
	switch op {
	case "$sum":
		return sum(have, v)
	case "$first":
		if have.Type != 0 {
			return have
		}
		if !present {
			return bsonval.Null()
		}
		return bsonval.Clone(v)
	}
	if !present || v.Type == bsoncore.TypeNull {
		return have
	}
	if c := bsonval.Compare(v, have); have.Type == 0 || op == "$min" && c < 0 || op == "$max" && c > 0 {
		return bsonval.Clone(v)
	}
	return have
}

// sum ignores what is not a number, as MongoDB does.
func sum(have, v bsonval.Value) bsonval.Value {
	if have.Type == 0 {
		have = bsonval.Int32(0)
	}
	b, ok := bsonval.Number(v)
	if !ok {
		return have
	}
	a, _ := bsonval.Number(have)
	if have.Type == bsoncore.TypeDouble || v.Type == bsoncore.TypeDouble {
		return bsonval.Double(a + b)
	}
	x, y := have.AsInt64(), v.AsInt64()
	n := x + y
	switch {
	case (n > x) != (y > 0) && y != 0:
		return bsonval.Double(a + b)
	case n == int64(int32(n)) && have.Type == bsoncore.TypeInt32 && v.Type == bsoncore.TypeInt32:
		return bsonval.Int32(int32(n))
	}
	return bsonval.Int64(n)
}

func (st *groupStage) finish(next func([]byte) bool) error {
	for _, g := range st.order {
		idx, dst := bsoncore.AppendDocumentStart(nil)
		dst = bsoncore.AppendValueElement(dst, "_id", g.id)
		for i, f := range st.fields {
			v := g.vals[i]
			if v.Type == 0 {
				v = bsonval.Null()
			}
			dst = bsoncore.AppendValueElement(dst, f.name, v)
		}
		if !next(bsonval.End(dst, idx)) {
			break
		}
	}
	return nil
}
