package command

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

func (s *Server) createIndexes(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	wanted, err := r.parseIndexes()
	if err != nil {
		return err
	}
	return s.store.Alter(ctx, func(tx *storage.Tx) error {
		made := tx.Collection(ns) == nil
		c, err := collection(tx, ns)
		if err != nil {
			return err
		}
		before := len(c.Indexes) + 1
		for _, ix := range wanted {
			if _, err := tx.CreateIndex(tx.Collection(ns), ix); err != nil {
				return err
			}
		}
		r.out = bsoncore.AppendInt32Element(r.out, "numIndexesBefore", int32(before))
		r.out = bsoncore.AppendInt32Element(r.out, "numIndexesAfter", int32(len(tx.Collection(ns).Indexes)+1))
		r.out = bsoncore.AppendBooleanElement(r.out, "createdCollectionAutomatically", made)
		return nil
	})
}

func (r *request) parseIndexes() ([]*storage.Index, error) {
	if _, ok := bsonval.Lookup(r.Body, "indexes"); !ok {
		return nil, missing("createIndexes.indexes")
	}
	var wanted []*storage.Index
	err := r.options(func(name string, v bsonval.Value) (bool, error) {
		if name != "indexes" {
			return false, nil
		}
		if !bsonval.IsArray(v) || bsonval.Empty(v.Data) {
			return true, mongoerr.New(mongoerr.BadValue, "Must specify at least one index to create")
		}
		for _, e := range bsonval.Fields(v.Data) {
			if !bsonval.IsDoc(e) {
				return true, wrongType("createIndexes.indexes", e, "object")
			}
			ix, err := storage.NewIndex(e.Data)
			if err != nil {
				return true, err
			}
			if !ix.IsID() {
				wanted = append(wanted, ix)
			}
		}
		return true, nil
	})
	return wanted, err
}

func idIndexSpec() []byte {
	idx, dst := bsoncore.AppendDocumentStart(nil)
	dst = bsoncore.AppendInt32Element(dst, "v", 2)
	dst = bsoncore.BuildDocumentElement(dst, "key", bsoncore.AppendInt32Element(nil, "_id", 1))
	dst = bsoncore.AppendStringElement(dst, "name", "_id_")
	return bsonval.End(dst, idx)
}

func (s *Server) listIndexes(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	err = r.options(func(name string, v bsonval.Value) (bool, error) {
		if name != "cursor" {
			return false, nil
		}
		_, err := cursorSize(name, v)
		return true, err
	})
	if err != nil {
		return err
	}
	return s.store.View(func(tx *storage.Tx) error {
		coll := tx.Collection(ns)
		if coll == nil {
			return mongoerr.New(mongoerr.NamespaceNotFound, "ns does not exist: %s", ns)
		}
		list := &listSource{docs: [][]byte{idIndexSpec()}}
		for _, ix := range coll.Indexes {
			list.docs = append(list.docs, ix.Spec)
		}
		c := &cursor{ns: ns, src: list, limit: -1}
		return s.reply(ctx, tx, r, c, "firstBatch", 0, false)
	})
}

func (s *Server) dropIndexes(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	name := ""
	err = r.options(func(option string, v bsonval.Value) (bool, error) {
		if option != "index" {
			return false, nil
		}
		var ok bool
		if name, ok = v.StringValueOK(); !ok || name == "*" {
			return true, mongoerr.New(mongoerr.BadValue, "dropIndexes by %s is not supported, only by one name", v)
		}
		return true, nil
	})
	if err == nil && name == "" {
		err = missing("dropIndexes.index")
	}
	if err != nil {
		return err
	}
	return s.store.Alter(ctx, func(tx *storage.Tx) error {
		c := tx.Collection(ns)
		if c == nil {
			return mongoerr.New(mongoerr.NamespaceNotFound, "ns not found %s", ns)
		}
		ix := c.Index(name)
		switch {
		case name == "_id_":
			return mongoerr.New(mongoerr.InvalidOptions, "cannot drop _id index")
		case ix == nil:
			return mongoerr.New(mongoerr.IndexNotFound, "index not found with name [%s]", name)
		}
		r.out = bsoncore.AppendInt32Element(r.out, "nIndexesWas", int32(len(c.Indexes)+1))
		return tx.DropIndex(c, ix)
	})
}
