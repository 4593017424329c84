package command

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

// collection returns the collection, which is made when it is first written to.
func collection(tx *storage.Tx, ns string) (*storage.Collection, error) {
	if c := tx.Collection(ns); c != nil {
		return c, nil
	}
	return tx.Create(ns)
}

func (s *Server) listCollections(ctx context.Context, r *request) error {
	q := allDocs()
	err := r.options(func(name string, v bsonval.Value) (bool, error) {
		var err error
		switch name {
		case "filter":
			err = q.setFilter(name, v)
		case "nameOnly":
			_, err = boolean(name, v)
		case "cursor":
			_, err = cursorSize(name, v)
		default:
			return false, nil
		}
		return true, err
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
