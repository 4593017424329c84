package update

import (
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
func (u *Update) Insert(query *filter.Filter, c Context) ([]byte, error) {
	c.Insert, c.Query = true, nil
	base := bsoncore.BuildDocument(nil)
	if u.replacement == nil {
		root := &node{val: bsonval.Doc(base)}
		for _, leaf := range query.Leaves() {
			if leaf.Pred.Op != filter.Eq {
				continue
			}
			if err := root.setAt(leaf.Path, leaf.Pred.Arg); err != nil {
				return nil, mongoerr.New(mongoerr.BadValue, "cannot infer query fields to set, path '%s' is matched twice", leaf.Name)
			}
		}
		base = root.encode(nil)
	} else if id, ok := queryID(query); ok {
		base = bsoncore.BuildDocument(nil, bsoncore.AppendValueElement(nil, "_id", id))
	}
	doc, err := u.Apply(base, c)
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

func queryID(query *filter.Filter) (bsonval.Value, bool) {
	for _, leaf := range query.Leaves() {
		if leaf.Name == "_id" && leaf.Pred.Op == filter.Eq {
			return leaf.Pred.Arg, true
		}
	}
	return bsonval.Value{}, false
}
