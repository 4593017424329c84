package command

import (
	"context"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/storage"
	"github.com/kubeorch/core/database/embedded/internal/update"
)

// updateStatement is one statement of an update, or a findAndModify that updates.
type updateStatement struct {
	search
	update *update.Update
	upsert bool
	err    error // why it cannot be run
}

// updateResult is what a statement did.
type updateResult struct {
	matched, modified int64
	upserted          *bsonval.Value
	before, after     []byte // of the last document; valid until the commit
}

func (s *Server) update(ctx context.Context, r *request) error {
	b, err := r.parseBulk("updates")
	if err != nil {
		return err
	}
	statements := make([]updateStatement, len(b.docs))
	for i, doc := range b.docs {
		statements[i] = parseStatement(doc)
	}
	var modified int64
	var upserts []byte
	err = s.store.Update(ctx, func(tx *storage.Tx) error {
		upsertCount := 0
		return b.each(tx, len(statements), func(i int) error {
			out, err := s.apply(ctx, tx, b.ns, statements[i])
			if err != nil {
				return err
			}
			b.n += out.matched
			modified += out.modified
			if out.upserted != nil {
				b.n++
				upserts = appendUpsert(upserts, upsertCount, i, *out.upserted)
				upsertCount++
			}
			return nil
		})
	})
	r.out = appendCount(r.out, "n", b.n)
	r.out = appendCount(r.out, "nModified", modified)
	if upserts != nil {
		idx, dst := bsoncore.AppendArrayElementStart(r.out, "upserted")
		r.out = bsonval.End(append(dst, upserts...), idx)
	}
	r.out = b.appendErrors(r.out)
	return err
}

func appendUpsert(dst []byte, n, statement int, id bsonval.Value) []byte {
	idx, dst := bsoncore.AppendDocumentElementStart(dst, strconv.Itoa(n))
	dst = bsoncore.AppendInt32Element(dst, "index", int32(statement))
	dst = bsoncore.AppendValueElement(dst, "_id", id)
	return bsonval.End(dst, idx)
}

func parseStatement(doc []byte) updateStatement {
	c := updateStatement{search: allDocs()}
	var u, q bsonval.Value
	var filters []bsonval.Value
	multi := false
	c.err = eachField("update.updates", doc, func(name string, v bsonval.Value) (bool, error) {
		var err error
		switch name {
		case "q":
			q, err = v, c.setFilter(name, v)
		case "u":
			u = v
		case "multi":
			multi, err = boolean(name, v)
		case "upsert":
			c.upsert, err = boolean(name, v)
		case "arrayFilters":
			filters, err = arrayFilters(v)
		default:
			return false, nil
		}
		return true, err
	})
	switch {
	case c.err != nil:
	case q.Type == 0:
		c.err = missing("update.updates.q")
	case u.Type == 0:
		c.err = missing("update.updates.u")
	default:
		c.update, c.err = update.Parse(u, filters)
	}
	if !multi {
		c.limit = 1
	} else if c.err == nil && c.update.Replaces() {
		c.err = mongoerr.New(mongoerr.FailedToParse, "multi update is not supported for replacement-style update")
	}
	return c
}

// arrayFilters returns nil for no list only.
func arrayFilters(v bsonval.Value) ([]bsonval.Value, error) {
	if !bsonval.IsArray(v) {
		return nil, wrongType("arrayFilters", v, "array")
	}
	return append([]bsonval.Value{}, bsonval.Elements(v.Data)...), nil
}

// apply statements the documents that the statement finds, or makes one. They are
// all found before the first is changed, so that none is met twice.
func (s *Server) apply(ctx context.Context, tx *storage.Tx, ns string, c updateStatement) (updateResult, error) {
	if c.err != nil {
		return updateResult{}, c.err
	}
	docs, err := s.matching(ctx, tx, ns, c.search)
	if err != nil {
		return updateResult{}, err
	}
	if len(docs) == 0 && c.upsert {
		return upsert(tx, ns, c)
	}
	out := updateResult{matched: int64(len(docs))}
	for _, doc := range docs {
		next, err := c.update.Apply(doc)
		if err != nil {
			return updateResult{}, err
		}
		out.before, out.after = doc, next
		if string(next) == string(doc) {
			continue
		}
		out.modified++
		if err := tx.Replace(tx.Collection(ns), doc, next); err != nil {
			return updateResult{}, err
		}
	}
	return out, nil
}

func upsert(tx *storage.Tx, ns string, c updateStatement) (updateResult, error) {
	doc, err := c.update.Insert(c.filter)
	if err != nil {
		return updateResult{}, err
	}
	if doc, err = withID(doc); err != nil {
		return updateResult{}, err
	}
	coll, err := collection(tx, ns)
	if err != nil {
		return updateResult{}, err
	}
	id, _ := bsonval.Lookup(doc, "_id")
	return updateResult{upserted: &id, after: doc}, tx.Insert(coll, doc)
}
