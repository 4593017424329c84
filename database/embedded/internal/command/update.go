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

// change is one update statement.
type change struct {
	search
	update *update.Update
	upsert bool
	err    error // why it cannot be run
}

// outcome is what a change did.
type outcome struct {
	matched, modified int64
	upserted          *bsonval.Value
	before, after     []byte // of the last document; valid until the commit
}

func (s *Server) update(ctx context.Context, r *request) error {
	b, err := r.parseBulk("updates")
	if err != nil {
		return err
	}
	changes := make([]change, len(b.docs))
	for i, doc := range b.docs {
		changes[i] = parseChange(doc)
	}
	var modified int64
	var upserts []byte
	err = s.store.Update(ctx, func(tx *storage.Tx) error {
		upsertCount := 0
		return b.each(tx, len(changes), func(i int) error {
			out, err := s.apply(ctx, tx, b.ns, changes[i])
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

func parseChange(doc []byte) change {
	c := change{search: allDocs()}
	var u bsonval.Value
	var filters []bsonval.Value
	multi := false
	for k, v := range bsonval.Fields(doc) {
		switch name := string(k); name {
		case "q":
			c.err = c.setFilter(name, v)
		case "u":
			u = v
		case "multi":
			multi = bsonval.Truthy(v)
		case "upsert":
			c.upsert = bsonval.Truthy(v)
		case "arrayFilters":
			filters, c.err = arrayFilters(v)
		case "sort":
			c.err = c.setSort(name, v)
		case "hint":
		default:
			c.err = mongoerr.New(mongoerr.UnknownField, "BSON field 'update.updates.%s' is an unknown or unsupported field", name)
		}
		if c.err != nil {
			return c
		}
	}
	if c.update, c.err = update.Parse(u, filters); c.err != nil {
		return c
	}
	if !multi {
		c.limit = 1
	} else if c.update.Replaces() {
		c.err = mongoerr.New(mongoerr.FailedToParse, "multi update is not supported for replacement-style update")
	}
	return c
}

func arrayFilters(v bsonval.Value) ([]bsonval.Value, error) {
	if !bsonval.IsArray(v) {
		return nil, mongoerr.New(mongoerr.TypeMismatch, "BSON field 'arrayFilters' must be an array")
	}
	return bsonval.Elements(v.Data), nil
}

// apply changes the documents that the statement finds, or makes one. They are
// all found before the first is changed, so that none is met twice.
func (s *Server) apply(ctx context.Context, tx *storage.Tx, ns string, c change) (outcome, error) {
	if c.err != nil {
		return outcome{}, c.err
	}
	docs, err := s.matching(ctx, tx, ns, c.search)
	if err != nil {
		return outcome{}, err
	}
	if len(docs) == 0 && c.upsert {
		return s.upsert(tx, ns, c)
	}
	out := outcome{matched: int64(len(docs))}
	env := update.Context{Now: s.now(), Query: c.filter}
	for _, doc := range docs {
		next, err := c.update.Apply(doc, env)
		if err != nil {
			return outcome{}, err
		}
		out.before, out.after = doc, next
		if string(next) == string(doc) {
			continue
		}
		out.modified++
		if err := tx.Replace(tx.Collection(ns), doc, next); err != nil {
			return outcome{}, err
		}
	}
	return out, nil
}

func (s *Server) upsert(tx *storage.Tx, ns string, c change) (outcome, error) {
	doc, err := c.update.Insert(c.filter, update.Context{Now: s.now()})
	if err != nil {
		return outcome{}, err
	}
	if doc, err = withID(doc); err != nil {
		return outcome{}, err
	}
	coll, err := collection(tx, ns)
	if err != nil {
		return outcome{}, err
	}
	id, _ := bsonval.Lookup(doc, "_id")
	return outcome{upserted: &id, after: doc}, tx.Insert(coll, doc)
}
