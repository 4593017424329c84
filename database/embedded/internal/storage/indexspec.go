package storage

import (
	"bytes"
	"slices"

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
		if name := string(k); name == "key" {
			key = v
			ix.Fields, err = indexFields(v)
		} else {
			err = ix.setOption(name, v)
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

func (ix *Index) setOption(name string, v bsonval.Value) error {
	var ok bool
	switch name {
	case "name":
		ix.Name, ok = v.StringValueOK()
	case "unique":
		ix.Unique, ok = v.BooleanOK()
	case "partialFilterExpression":
		var err error
		ix.Partial, err = partialFilter(v)
		return err
	case "expireAfterSeconds":
		var n int64
		n, ok = bsonval.Integer(v)
		ok = ok && n >= 0 && n <= 1<<31-1
		ix.Expire = &n
	case "v":
		n, _ := bsonval.Integer(v)
		ok = n == 2
	default:
		return mongoerr.New(mongoerr.InvalidIndexOption, "The field '%s' is not valid for an index specification, or not supported", name)
	}
	if !ok {
		return mongoerr.New(mongoerr.CannotCreateIndex, "The index option '%s' has the value %s, which is not supported", name, v)
	}
	return nil
}

func (ix *Index) check() error {
	switch {
	case len(ix.Fields) == 0:
		return mongoerr.New(mongoerr.CannotCreateIndex, "an index needs a key")
	case ix.Name == "" || ix.Name == "*":
		return mongoerr.New(mongoerr.CannotCreateIndex, "an index needs a name")
	case len(ix.Fields) == 1 && ix.Fields[0].Name == "_id":
		return ix.checkID()
	case ix.Name == "_id_":
		return mongoerr.New(mongoerr.BadValue, "The index name '_id_' is reserved for the _id index")
	case ix.Expire != nil && len(ix.Fields) != 1:
		return mongoerr.New(mongoerr.CannotCreateIndex, "TTL indexes are single-field indexes")
	}
	return nil
}

// checkID refuses an index on _id that would differ from the one that each
// collection has.
func (ix *Index) checkID() error {
	switch {
	case ix.Fields[0].Desc:
		return mongoerr.New(mongoerr.BadValue, "The field 'key' for an _id index must be {_id: 1}")
	case ix.Unique || ix.Partial != nil || ix.Expire != nil:
		return mongoerr.New(mongoerr.InvalidIndexOption, "The _id index takes no options")
	}
	return nil
}

// IsID reports whether ix is the index that each collection has anyway.
func (ix *Index) IsID() bool { return len(ix.Fields) == 1 && ix.Fields[0].Name == "_id" }

func indexFields(key bsonval.Value) ([]bsonval.IndexField, error) {
	if !bsonval.IsDoc(key) {
		return nil, mongoerr.New(mongoerr.CannotCreateIndex, "an index key must be a document")
	}
	fields, err := bsonval.ParseSort(key.Data)
	if err != nil {
		return nil, mongoerr.New(mongoerr.CannotCreateIndex, "%v", err)
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
		return nil, mongoerr.New(mongoerr.CannotCreateIndex, "partialFilterExpression may use only equality, $exists: true, $gt, $gte, $lt, $lte, $in and $and")
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
