package update

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/filter"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// WithID returns doc with id as its first field.
func WithID(doc []byte, id bsonval.Value) []byte {
	idx, dst := bsoncore.AppendDocumentStart(make([]byte, 0, len(doc)+len(id.Data)+8))
	dst = bsoncore.AppendValueElement(dst, "_id", id)
	for k, v := range bsonval.Fields(doc) {
		if key := string(k); key != "_id" {
			dst = bsoncore.AppendValueElement(dst, key, v)
		}
	}
	return bsonval.End(dst, idx)
}

// Insert returns the document that an upsert makes: what the query demands to
// be equal, changed by the update, with an _id made if none is given.
func (u *Update) Insert(query *filter.Filter) ([]byte, error) {
	base, err := u.inferred(query.Equalities())
	if err != nil {
		return nil, err
	}
	doc, err := u.apply(base, true)
	if err != nil {
		return nil, err
	}
	if bsonval.Depth(bsonval.Doc(doc)) > bsonval.MaxDepth {
		return nil, mongoerr.New(mongoerr.Overflow, "the document would exceed the maximum nesting of %d", bsonval.MaxDepth)
	}
	id, ok := bsonval.Lookup(doc, "_id")
	if !ok {
		id = bsonval.NewObjectID()
	}
	return WithID(doc, id), nil
}

// inferred returns the document that has what the query demands; a replacement
// takes the _id only.
func (u *Update) inferred(demands []filter.Equality) ([]byte, error) {
	root := &node{val: bsonval.Doc(bsoncore.BuildDocument(nil))}
	var paths [][]string
	for _, eq := range demands {
		name := strings.Join(eq.Path, ".")
		if strings.HasPrefix(name, "_id.") {
			return nil, mongoerr.New(mongoerr.BadValue, "an upsert by '%s' is not supported, only by _id as a whole", name)
		}
		if u.replacement != nil && name != "_id" {
			continue
		}
		paths = append(paths, eq.Path)
		if checkDisjoint(slices.Clone(paths)) != nil {
			return nil, mongoerr.New(mongoerr.NotSingleValueField, "cannot infer query fields to set, path '%s' is matched twice", name)
		}
		if err := root.setAt(eq.Path, eq.Value); err != nil {
			return nil, err
		}
	}
	return root.encode(nil), nil
}
