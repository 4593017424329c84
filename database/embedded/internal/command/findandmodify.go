package command

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/query"
	"github.com/kubeorch/core/database/embedded/internal/storage"
	"github.com/kubeorch/core/database/embedded/internal/update"
)

// findAndModifyArgs is a parsed findAndModify.
type findAndModifyArgs struct {
	updateStatement
	remove, returnNew bool
	projection        *query.Projection
}

func (s *Server) findAndModify(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	m, err := r.parseFindAndModify()
	if err != nil {
		return err
	}
	start := len(r.out)
	return s.store.Update(ctx, func(tx *storage.Tx) error {
		r.out = r.out[:start]
		if m.remove {
			return s.findAndRemove(ctx, tx, r, ns, m)
		}
		out, err := s.apply(ctx, tx, ns, m.updateStatement)
		if err != nil {
			return err
		}
		value := out.before
		if m.returnNew {
			value = out.after
		}
		r.appendModified(out, value, m.projection)
		return nil
	})
}

func (r *request) parseFindAndModify() (findAndModifyArgs, error) {
	m := findAndModifyArgs{updateStatement: updateStatement{search: allDocs()}}
	m.limit = 1
	var u bsonval.Value
	var filters []bsonval.Value
	err := r.options(func(name string, v bsonval.Value) (bool, error) {
		var err error
		switch name {
		case "query":
			err = m.setFilter(name, v)
		case "sort":
			err = m.setSort(name, v)
		case "fields":
			m.projection, err = projection(name, v)
		case "update":
			u = v
		case "arrayFilters":
			filters, err = arrayFilters(v)
		case "remove":
			m.remove, err = boolean(name, v)
		case "new":
			m.returnNew, err = boolean(name, v)
		case "upsert":
			m.upsert, err = boolean(name, v)
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return m, err
	}
	switch {
	case m.remove && (u.Type != 0 || m.upsert || m.returnNew || filters != nil):
		return m, mongoerr.New(mongoerr.FailedToParse, "Cannot specify update, upsert, new or arrayFilters when remove=true")
	case m.remove:
		return m, nil
	case u.Type == 0:
		return m, mongoerr.New(mongoerr.FailedToParse, "Either an update or remove=true must be specified")
	}
	m.update, err = update.Parse(u, filters)
	return m, err
}

func (s *Server) findAndRemove(ctx context.Context, tx *storage.Tx, r *request, ns string, m findAndModifyArgs) error {
	docs, err := s.matching(ctx, tx, ns, m.search)
	if err != nil {
		return err
	}
	idx, dst := bsoncore.AppendDocumentElementStart(r.out, "lastErrorObject")
	dst = bsoncore.AppendInt32Element(dst, "n", int32(len(docs)))
	r.out = bsonval.End(dst, idx)
	if len(docs) == 0 {
		r.out = bsoncore.AppendNullElement(r.out, "value")
		return nil
	}
	r.appendValue(docs[0], m.projection)
	return tx.Delete(tx.Collection(ns), docs[0])
}

// appendModified writes what was done and the document, which is null if there
// was none.
func (r *request) appendModified(out updateResult, value []byte, p *query.Projection) {
	idx, dst := bsoncore.AppendDocumentElementStart(r.out, "lastErrorObject")
	n := out.matched
	if out.upserted != nil {
		n = 1
	}
	dst = bsoncore.AppendInt32Element(dst, "n", int32(n))
	dst = bsoncore.AppendBooleanElement(dst, "updatedExisting", out.matched > 0)
	if out.upserted != nil {
		dst = bsoncore.AppendValueElement(dst, "upserted", *out.upserted)
	}
	r.out = bsonval.End(dst, idx)
	if value == nil {
		r.out = bsoncore.AppendNullElement(r.out, "value")
		return
	}
	r.appendValue(value, p)
}

func (r *request) appendValue(doc []byte, p *query.Projection) {
	r.out = bsoncore.AppendHeader(r.out, bsoncore.TypeEmbeddedDocument, "value")
	r.out = p.Append(r.out, doc)
}
