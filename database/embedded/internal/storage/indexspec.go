package storage

import (
	"bytes"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/filter"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// MaxIndexes is the most indexes a collection may have, MongoDB's limit.
const MaxIndexes = 64

// NewIndex reads an index specification as createIndexes gets it. The result
// keeps a normalised copy of it.
func NewIndex(spec []byte) (*Index, error) {
	ix := &Index{}
	var key bsonval.Value
	for k, v := range bsonval.Fields(spec) {
		var err error
		switch name := string(k); name {
		case "key":
			key = v
			ix.Fields, err = indexFields(v)
		case "name":
			ix.Name, _ = v.StringValueOK()
		case "unique":
			ix.Unique = bsonval.Truthy(v)
		case "sparse":
			ix.Sparse = bsonval.Truthy(v)
		case "partialFilterExpression":
			ix.Partial, err = partialFilter(v)
		case "expireAfterSeconds":
			n, ok := bsonval.Integer(v)
			if !ok || n < 0 || n > 1<<31-1 {
				return nil, mongoerr.New(mongoerr.CannotCreateIndex, "expireAfterSeconds must be a whole number from 0 to 2147483647")
			}
			ix.Expire = &n
		case "v", "background", "ns":
		default:
			return nil, mongoerr.New(mongoerr.CannotCreateIndex, "index option %s is not supported", name)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := ix.check(); err != nil {
		return nil, err
	}
	ix.Spec = ix.spec(key, spec)
	if ix.Partial != nil {
		partial, _ := bsonval.Lookup(ix.Spec, "partialFilterExpression")
		ix.Partial, _ = filter.Parse(partial.Data)
	}
	return ix, nil
}

func (ix *Index) check() error {
	switch {
	case len(ix.Fields) == 0:
		return mongoerr.New(mongoerr.CannotCreateIndex, "an index needs a key")
	case ix.Name == "" || ix.Name == "*":
		return mongoerr.New(mongoerr.CannotCreateIndex, "an index needs a name")
	case ix.Sparse && ix.Partial != nil:
		return mongoerr.New(mongoerr.CannotCreateIndex, "cannot mix \"partialFilterExpression\" with the \"sparse\" option")
	case ix.Expire != nil && len(ix.Fields) != 1:
		return mongoerr.New(mongoerr.CannotCreateIndex, "TTL indexes are single-field indexes")
	}
	return nil
}

func indexFields(key bsonval.Value) ([]bsonval.IndexField, error) {
	if !bsonval.IsDoc(key) {
		return nil, mongoerr.New(mongoerr.CannotCreateIndex, "an index key must be a document")
	}
	var fields []bsonval.IndexField
	for k, v := range bsonval.Fields(key.Data) {
		name := string(k)
		order, ok := bsonval.Number(v)
		if !ok || order == 0 {
			return nil, mongoerr.New(mongoerr.CannotCreateIndex, "index kind %s of field %s is not supported", v, name)
		}
		path := strings.Split(name, ".")
		for _, part := range path {
			if _, position := bsonval.ArrayIndex(part); position || part == "" || part[0] == '$' {
				return nil, mongoerr.New(mongoerr.CannotCreateIndex, "index field %q: %q cannot be indexed", name, part)
			}
		}
		if slices.ContainsFunc(fields, func(f bsonval.IndexField) bool { return f.Name == name }) {
			return nil, mongoerr.New(mongoerr.CannotCreateIndex, "index field %q is named twice", name)
		}
		fields = append(fields, bsonval.IndexField{Name: name, Path: path, Desc: order < 0})
	}
	return fields, nil
}

// partialFilter accepts what the planner can reason about: conditions that all
// must hold.
func partialFilter(v bsonval.Value) (*filter.Filter, error) {
	if !bsonval.IsDoc(v) {
		return nil, mongoerr.New(mongoerr.CannotCreateIndex, "partialFilterExpression must be a document")
	}
	f, err := filter.Parse(v.Data)
	if err != nil {
		return nil, err
	}
	if !f.Plain() {
		return nil, mongoerr.New(mongoerr.CannotCreateIndex, "partialFilterExpression may use only equality, $exists: true, $gt, $gte, $lt, $lte, $in, $type and $and")
	}
	return f, nil
}

// spec writes the specification in one order, so that two can be compared.
func (ix *Index) spec(key bsonval.Value, given []byte) bsoncore.Document {
	idx, dst := bsoncore.AppendDocumentStart(nil)
	dst = bsoncore.AppendInt32Element(dst, "v", 2)
	dst = bsoncore.AppendDocumentElement(dst, "key", key.Data)
	dst = bsoncore.AppendStringElement(dst, "name", ix.Name)
	if ix.Unique {
		dst = bsoncore.AppendBooleanElement(dst, "unique", true)
	}
	if ix.Sparse {
		dst = bsoncore.AppendBooleanElement(dst, "sparse", true)
	}
	if partial, ok := bsonval.Lookup(given, "partialFilterExpression"); ok {
		dst = bsoncore.AppendValueElement(dst, "partialFilterExpression", partial)
	}
	if ix.Expire != nil {
		dst = bsoncore.AppendInt32Element(dst, "expireAfterSeconds", int32(*ix.Expire))
	}
	return bsonval.End(dst, idx)
}

// SameKey reports whether a and b index the same fields in the same order.
func (ix *Index) SameKey(b *Index) bool {
	return slices.EqualFunc(ix.Fields, b.Fields, func(x, y bsonval.IndexField) bool {
		return x.Name == y.Name && x.Desc == y.Desc
	})
}

// SameSpec reports whether a and b differ in nothing but how numbers are typed.
func (ix *Index) SameSpec(b *Index) bool {
	return ix.SameKey(b) && bytes.Equal(ix.options(), b.options())
}

// options is the specification without the key.
func (ix *Index) options() []byte {
	var dst []byte
	for k, v := range bsonval.Fields(ix.Spec) {
		if name := string(k); name != "key" {
			dst = bsonval.AppendKey(append(dst, name...), v)
		}
	}
	return dst
}
