package command

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

// count answers how many documents a collection has. Counting what a query
// finds is an aggregation.
func (s *Server) count(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	if err := r.options(noOptions); err != nil {
		return err
	}
	n := int64(0)
	err = s.store.View(func(tx *storage.Tx) error {
		return s.each(ctx, tx, ns, allDocs(), func([]byte) bool { n++; return true })
	})
	r.out = appendCount(r.out, "n", n)
	return err
}

// appendCount writes a number as MongoDB does: int32 where it fits.
func appendCount(dst []byte, name string, n int64) []byte {
	if n == int64(int32(n)) {
		return bsoncore.AppendInt32Element(dst, name, int32(n))
	}
	return bsoncore.AppendInt64Element(dst, name, n)
}

// aggregate runs what CountDocuments sends and its like: $match, $skip and
// $limit, each at most once and in this order, and a $group at the end.
func (s *Server) aggregate(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	q, g, size, hasCursor := allDocs(), (*grouping)(nil), int64(0), false
	err = r.options(func(name string, v bsonval.Value) (bool, error) {
		var err error
		switch name {
		case "pipeline":
			g, err = parsePipeline(v, &q)
		case "cursor":
			hasCursor = true
			size, err = cursorSize(name, v)
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	if g == nil {
		return missing("aggregate.pipeline")
	}
	if !hasCursor {
		return mongoerr.New(mongoerr.FailedToParse, "The 'cursor' option is required")
	}
	return s.store.View(func(tx *storage.Tx) error {
		var failed error
		err := s.each(ctx, tx, ns, q, func(doc []byte) bool {
			failed = g.add(doc)
			return failed == nil
		})
		if err == nil {
			err = failed
		}
		if err != nil {
			return err
		}
		c := &cursor{ns: ns, src: &listSource{docs: g.documents()}, limit: -1}
		return s.reply(ctx, tx, r, c, "firstBatch", int(size), true)
	})
}

func parsePipeline(v bsonval.Value, q *search) (*grouping, error) {
	if !bsonval.IsArray(v) {
		return nil, wrongType("aggregate.pipeline", v, "array")
	}
	order, last := []string{"$match", "$skip", "$limit", "$group"}, -1
	for _, e := range bsonval.Fields(v.Data) {
		name, arg, ok := bsonval.First(e.Data)
		if !bsonval.IsDoc(e) || !ok || len(bsonval.Elements(e.Data)) != 1 {
			return nil, mongoerr.New(mongoerr.PipelineStageCount, "A pipeline stage specification object must contain exactly one field.")
		}
		at := slices.Index(order, name)
		if at < 0 {
			return nil, mongoerr.New(mongoerr.UnknownStage, "Unrecognized or unsupported pipeline stage name: '%s'", name)
		}
		if at <= last {
			return nil, mongoerr.New(mongoerr.BadValue, "%s after %s is not supported", name, order[last])
		}
		last = at
		var err error
		switch name {
		case "$match":
			err = q.setFilter(name, arg)
		case "$skip":
			if q.skip, err = count(name, arg); err != nil {
				err = mongoerr.New(5107200, "invalid argument to $skip stage: %v", err)
			}
		case "$limit":
			if q.limit, err = count(name, arg); err != nil {
				err = mongoerr.New(5107201, "invalid argument to $limit stage: %v", err)
			} else if q.limit == 0 {
				err = mongoerr.New(15958, "the limit must be positive")
			}
		case "$group":
			return parseGroup(arg)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, mongoerr.New(mongoerr.BadValue, "a pipeline that does not end with $group is not supported")
}

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

func (g *grouping) add(doc []byte) error {
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
			gr.sums[i], err = sum(gr.sums[i], v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sum adds integers and passes over what is no number, as MongoDB does.
func sum(have, v bsonval.Value) (bsonval.Value, error) {
	switch v.Type {
	case bsoncore.TypeInt32, bsoncore.TypeInt64:
	case bsoncore.TypeDouble:
		return have, mongoerr.New(mongoerr.BadValue, "$sum of doubles is not supported")
	default:
		return have, nil
	}
	n, ok := bsonval.AddInt64(have.AsInt64(), v.AsInt64())
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
