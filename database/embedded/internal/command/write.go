package command

import (
	"context"
	"errors"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/storage"
	"github.com/kubeorch/core/database/embedded/internal/update"
)

// bulk is a command that consists of statements, each of which may fail alone.
type bulk struct {
	ns       string
	docs     [][]byte
	ordered  bool
	errs     []byte // elements of writeErrors
	errCount int
	n        int64
}

// parseBulk reads what insert, update and delete have in common.
func (r *request) parseBulk(list string) (*bulk, error) {
	ns, err := r.namespace()
	if err != nil {
		return nil, err
	}
	b := &bulk{ns: ns, ordered: true}
	err = r.options(func(name string, v bsonval.Value) (bool, error) {
		if name != "ordered" {
			return name == list, nil
		}
		b.ordered, err = boolean(name, v)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	b.docs, err = r.statements(list)
	return b, err
}

// each runs the statements. One that fails leaves nothing behind and is noted;
// it ends an ordered bulk.
func (b *bulk) each(tx *storage.Tx, n int, run func(i int) error) error {
	b.errs, b.errCount, b.n = b.errs[:0], 0, 0
	for i := range n {
		mark := tx.Mark()
		err := run(i)
		if err == nil {
			continue
		}
		var e *mongoerr.Error
		if !errors.As(err, &e) {
			return err
		}
		if err := tx.RollbackTo(mark); err != nil {
			return err
		}
		b.note(i, e)
		if b.ordered {
			return nil
		}
	}
	return nil
}

func (b *bulk) note(i int, e *mongoerr.Error) {
	idx, dst := bsoncore.AppendDocumentElementStart(b.errs, strconv.Itoa(b.errCount))
	dst = bsoncore.AppendInt32Element(dst, "index", int32(i))
	dst = bsoncore.AppendInt32Element(dst, "code", int32(e.Code))
	dst = appendKey(dst, e)
	dst = bsoncore.AppendStringElement(dst, "errmsg", e.Msg)
	b.errs = bsonval.End(dst, idx)
	b.errCount++
}

// appendErrors ends an answer with the statements that failed.
func (b *bulk) appendErrors(dst []byte) []byte {
	if b.errCount == 0 {
		return dst
	}
	idx, dst := bsoncore.AppendArrayElementStart(dst, "writeErrors")
	return bsonval.End(append(dst, b.errs...), idx)
}

func (s *Server) insert(ctx context.Context, r *request) error {
	b, err := r.parseBulk("documents")
	if err != nil {
		return err
	}
	prepared := make([]error, len(b.docs))
	for i, doc := range b.docs {
		b.docs[i], prepared[i] = withID(doc)
	}
	err = s.store.Update(ctx, func(tx *storage.Tx) error {
		return b.each(tx, len(b.docs), func(i int) error {
			if prepared[i] != nil {
				return prepared[i]
			}
			c, err := collection(tx, b.ns)
			if err != nil {
				return err
			}
			b.n++
			if err := tx.Insert(c, b.docs[i]); err != nil {
				b.n--
				return err
			}
			return nil
		})
	})
	r.out = b.appendErrors(appendCount(r.out, "n", b.n))
	return err
}

// withID returns doc with an _id in front, made if there is none.
func withID(doc []byte) ([]byte, error) {
	if len(doc) > storage.MaxDocument {
		return nil, mongoerr.New(mongoerr.ObjectTooLarge, "object to insert too large. size in bytes: %d, max size: %d", len(doc), storage.MaxDocument)
	}
	name, id, _ := bsonval.First(doc)
	if name == "_id" {
		return doc, checkIDType(id)
	}
	id, ok := bsonval.Lookup(doc, "_id")
	if !ok {
		id = bsonval.NewObjectID()
	}
	return update.WithID(doc, id), checkIDType(id)
}

func checkIDType(id bsonval.Value) error {
	switch id.Type {
	case bsoncore.TypeArray:
		return mongoerr.New(mongoerr.InvalidIDField, "The '_id' value cannot be of type %s", bsonval.TypeName(id.Type))
	case bsoncore.TypeEmbeddedDocument:
		for k := range bsonval.Fields(id.Data) {
			if len(k) > 0 && k[0] == '$' {
				return mongoerr.New(mongoerr.DollarPrefixedField, "_id fields may not contain '$'-prefixed fields: %s", k)
			}
		}
	}
	return nil
}

func (s *Server) delete(ctx context.Context, r *request) error {
	b, err := r.parseBulk("deletes")
	if err != nil {
		return err
	}
	queries, prepared := make([]search, len(b.docs)), make([]error, len(b.docs))
	for i, doc := range b.docs {
		queries[i], prepared[i] = parseDelete(doc)
	}
	err = s.store.Update(ctx, func(tx *storage.Tx) error {
		return b.each(tx, len(b.docs), func(i int) error {
			if prepared[i] != nil {
				return prepared[i]
			}
			n, err := s.deleteMatching(ctx, tx, b.ns, queries[i])
			b.n += n
			return err
		})
	})
	r.out = b.appendErrors(appendCount(r.out, "n", b.n))
	return err
}

func parseDelete(doc []byte) (search, error) {
	q, hasFilter, hasLimit := allDocs(), false, false
	err := eachField("delete.deletes", doc, func(name string, v bsonval.Value) (bool, error) {
		var err error
		switch name {
		case "q":
			hasFilter, err = true, q.setFilter(name, v)
		case "limit":
			hasLimit = true
			if q.limit, err = count(name, v); err == nil && q.limit > 1 {
				err = mongoerr.New(mongoerr.FailedToParse, "The limit field in delete objects must be 0 or 1. Got %d", q.limit)
			}
		default:
			return false, nil
		}
		return true, err
	})
	switch {
	case err != nil:
		return q, err
	case !hasFilter:
		return q, missing("delete.deletes.q")
	case !hasLimit:
		return q, missing("delete.deletes.limit")
	}
	return q, nil
}

func (s *Server) deleteMatching(ctx context.Context, tx *storage.Tx, ns string, q search) (int64, error) {
	docs, err := s.matching(ctx, tx, ns, q)
	if err != nil {
		return 0, err
	}
	for _, doc := range docs {
		if err := tx.Delete(tx.Collection(ns), doc); err != nil {
			return 0, err
		}
	}
	return int64(len(docs)), nil
}
