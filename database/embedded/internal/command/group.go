package command

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// grouping adds up documents that have the same value.
type grouping struct {
	id     operand
	fields []string
	sums   []operand
	groups map[string]*group
}

type group struct {
	id   bsonval.Value
	sums []bsonval.Value
}

// operand is a constant, or the value of a field.
type operand struct {
	constant bsonval.Value
	path     []string
}

func parseGroup(arg bsonval.Value) (*grouping, error) {
	if !bsonval.IsDoc(arg) {
		return nil, mongoerr.New(15947, "a group's fields must be specified in an object")
	}
	g, hasID := &grouping{groups: map[string]*group{}}, false
	err := eachField("$group", bytes.Clone(arg.Data), func(name string, v bsonval.Value) (bool, error) {
		var err error
		if name == "_id" {
			hasID = true
			g.id, err = parseOperand(v)
			return true, err
		}
		return true, g.parseSum(name, v)
	})
	if err == nil && !hasID {
		err = mongoerr.New(15955, "a group specification must include an _id")
	}
	return g, err
}

func (g *grouping) parseSum(name string, v bsonval.Value) error {
	if !bsonval.IsDoc(v) || strings.ContainsAny(name, ".$") {
		return mongoerr.New(40234, "The field '%s' must be an accumulator object", name)
	}
	if len(bsonval.Elements(v.Data)) != 1 {
		return mongoerr.New(40238, "The field '%s' must specify one accumulator", name)
	}
	op, arg, _ := bsonval.First(v.Data)
	if op != "$sum" {
		return mongoerr.New(15952, "unknown or unsupported group operator '%s'", op)
	}
	sum, err := parseOperand(arg)
	if err == nil && sum.path == nil && arg.Type != bsoncore.TypeInt32 && arg.Type != bsoncore.TypeInt64 {
		err = mongoerr.New(mongoerr.BadValue, "$sum of %s is not supported", arg)
	}
	g.fields, g.sums = append(g.fields, name), append(g.sums, sum)
	return err
}

func parseOperand(v bsonval.Value) (operand, error) {
	if s, ok := v.StringValueOK(); ok && strings.HasPrefix(s, "$") {
		path := strings.Split(s[1:], ".")
		for _, part := range path {
			if part == "" || part[0] == '$' {
				return operand{}, mongoerr.New(mongoerr.BadValue, "the field path %s is not supported", s)
			}
		}
		return operand{path: path}, nil
	}
	if bsonval.IsArray(v) || bsonval.IsDoc(v) {
		return operand{}, mongoerr.New(mongoerr.BadValue, "the expression %s is not supported", v)
	}
	return operand{constant: v}, nil
}

// of returns the operand's value for a document, null if it has none. A path
// that leads into an array has many, which is not supported.
func (o operand) of(doc []byte) (bsonval.Value, error) {
	if o.path == nil {
		return o.constant, nil
	}
	v := bsonval.Doc(doc)
	for _, part := range o.path {
		if bsonval.IsArray(v) {
			return v, mongoerr.New(mongoerr.BadValue, "the path %s leads into an array, which is not supported in $group", strings.Join(o.path, "."))
		}
		next, ok := bsonval.Lookup(v.Data, part)
		if !bsonval.IsDoc(v) || !ok {
			return bsonval.Null(), nil
		}
		v = next
	}
	return v, nil
}

// constant reports whether what g adds up does not depend on the documents.
func (g *grouping) constant() bool {
	return g.id.path == nil && !slices.ContainsFunc(g.sums, func(o operand) bool {
		return o.path != nil || o.constant.Type != bsoncore.TypeInt32
	})
}

// add adds doc to its group so many times.
func (g *grouping) add(doc []byte, times int64) error {
	id, err := g.id.of(doc)
	if err != nil {
		return err
	}
	key := string(bsonval.AppendKey(nil, id))
	gr := g.groups[key]
	if gr == nil {
		gr = &group{id: bsonval.Clone(id), sums: slices.Repeat([]bsonval.Value{bsonval.Int32(0)}, len(g.sums))}
		g.groups[key] = gr
	}
	for i, o := range g.sums {
		v, err := o.of(doc)
		if err == nil {
			gr.sums[i], err = sum(gr.sums[i], v, times)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sum adds integers and passes over what is no number, as MongoDB does. Only an
// int32 is added more than once, so that the product is no problem.
func sum(have, v bsonval.Value, times int64) (bsonval.Value, error) {
	switch v.Type {
	case bsoncore.TypeInt32, bsoncore.TypeInt64:
	case bsoncore.TypeDouble:
		return have, mongoerr.New(mongoerr.BadValue, "$sum of doubles is not supported")
	default:
		return have, nil
	}
	n, ok := bsonval.AddInt64(have.AsInt64(), v.AsInt64()*times)
	switch {
	case !ok:
		return have, mongoerr.New(mongoerr.BadValue, "$sum beyond 64 bits is not supported")
	case n == int64(int32(n)) && have.Type == bsoncore.TypeInt32 && v.Type == bsoncore.TypeInt32:
		return bsonval.Int32(int32(n)), nil
	}
	return bsonval.Int64(n), nil
}

// documents returns the groups in the order of their _id.
func (g *grouping) documents() [][]byte {
	var docs [][]byte
	for _, key := range slices.Sorted(maps.Keys(g.groups)) {
		gr := g.groups[key]
		idx, dst := bsoncore.AppendDocumentStart(nil)
		dst = bsoncore.AppendValueElement(dst, "_id", gr.id)
		for i, name := range g.fields {
			dst = bsoncore.AppendValueElement(dst, name, gr.sums[i])
		}
		docs = append(docs, bsonval.End(dst, idx))
	}
	return docs
}
