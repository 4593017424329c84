package command

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

func (s *Server) create(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	if err := r.options(func(string, bsonval.Value) (bool, error) { return false, nil }); err != nil {
		return err
	}
	return s.store.Alter(ctx, func(tx *storage.Tx) error {
		if tx.Collection(ns) != nil {
			return mongoerr.New(mongoerr.NamespaceExists, "Collection %s already exists.", ns)
		}
		_, err := tx.Create(ns)
		return err
	})
}

func (s *Server) drop(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	return s.store.Alter(ctx, func(tx *storage.Tx) error {
		c := tx.Collection(ns)
		if c == nil {
			return nil
		}
		r.out = bsoncore.AppendInt32Element(r.out, "nIndexesWas", int32(len(c.Indexes)+1))
		r.out = bsoncore.AppendStringElement(r.out, "ns", ns)
		return tx.Drop(c)
	})
}

func (s *Server) dropDatabase(ctx context.Context, r *request) error {
	r.out = bsoncore.AppendStringElement(r.out, "dropped", r.Database)
	return s.store.Alter(ctx, func(tx *storage.Tx) error {
		for _, c := range tx.Collections(r.Database) {
			if err := tx.Drop(c); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Server) listCollections(ctx context.Context, r *request) error {
	q := allDocs()
	err := r.options(func(name string, v bsonval.Value) (bool, error) {
		switch name {
		case "filter":
			return true, q.setFilter(name, v)
		case "nameOnly", "authorizedCollections", "cursor":
			return true, nil
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return s.store.View(func(tx *storage.Tx) error {
		list := &listSource{}
		for _, c := range tx.Collections(r.Database) {
			if doc := describe(c); q.filter.Match(doc) {
				list.docs = append(list.docs, doc)
			}
		}
		c := &cursor{ns: r.Database + ".$cmd.listCollections", src: list, limit: -1}
		return s.reply(ctx, tx, r, c, "firstBatch", 0, false)
	})
}

func describe(c *storage.Collection) []byte {
	idx, dst := bsoncore.AppendDocumentStart(nil)
	dst = bsoncore.AppendStringElement(dst, "name", c.Short())
	dst = bsoncore.AppendStringElement(dst, "type", "collection")
	dst = bsoncore.AppendDocumentElement(dst, "options", emptyDoc())
	dst = bsoncore.BuildDocumentElement(dst, "info", bsoncore.AppendBooleanElement(nil, "readOnly", false))
	dst = bsoncore.AppendDocumentElement(dst, "idIndex", idIndexSpec())
	return bsonval.End(dst, idx)
}

func (s *Server) listDatabases(_ context.Context, r *request) error {
	if r.Database != "admin" {
		return mongoerr.New(mongoerr.Unauthorized, "listDatabases may only be run against the admin database.")
	}
	q := allDocs()
	err := r.options(func(name string, v bsonval.Value) (bool, error) {
		switch name {
		case "filter":
			return true, q.setFilter(name, v)
		case "nameOnly", "authorizedDatabases":
			return true, nil
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	var found []bsonval.Value
	err = s.store.View(func(tx *storage.Tx) error {
		var names []string
		for _, c := range tx.Collections("") {
			names = append(names, c.DB())
		}
		for _, name := range slices.Compact(names) {
			doc := bsoncore.BuildDocument(nil, bsoncore.AppendStringElement(nil, "name", name))
			if q.filter.Match(doc) {
				found = append(found, bsonval.Doc(doc))
			}
		}
		return nil
	})
	r.out = bsoncore.BuildArrayElement(r.out, "databases", found...)
	return err
}
