package command

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/filter"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

// expireBatch bounds what one write removes, so that others get their turn.
const expireBatch = 500

// ExpireDocuments removes the documents whose date in a TTL index is too old.
func (s *Server) ExpireDocuments(ctx context.Context) error {
	type due struct {
		ns string
		q  search
	}
	var all []due
	err := s.store.View(func(tx *storage.Tx) error {
		for _, c := range tx.Collections("") {
			for _, ix := range c.Indexes {
				if ix.Expire != nil {
					all = append(all, due{c.Name, expired(ix, s.now())})
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range all {
		if err := s.expire(ctx, d.ns, d.q); err != nil {
			return err
		}
	}
	return nil
}

// expired returns the search for what ix says is too old. An array counts by
// its earliest date, which is what a range on its elements finds.
func expired(ix *storage.Index, now time.Time) search {
	limit := now.Add(-time.Duration(*ix.Expire) * time.Second).UnixMilli()
	cond := bsoncore.BuildDocument(nil, bsoncore.AppendDateTimeElement(nil, "$lte", limit))
	doc := bsoncore.BuildDocument(nil, bsoncore.AppendDocumentElement(nil, ix.Fields[0].Name, cond))
	if partial, ok := bsonval.Lookup(ix.Spec, "partialFilterExpression"); ok {
		both := bsoncore.BuildArray(nil, bsonval.Doc(doc), partial)
		doc = bsoncore.BuildDocument(nil, bsoncore.AppendArrayElement(nil, "$and", both))
	}
	f, _ := filter.Parse(doc)
	return search{filter: f, limit: expireBatch}
}

func (s *Server) expire(ctx context.Context, ns string, q search) error {
	for {
		found, err := s.anyMatching(ctx, ns, q)
		if err != nil || !found {
			return err
		}
		err = s.store.Update(ctx, func(tx *storage.Tx) error {
			if tx.Collection(ns) == nil {
				return nil
			}
			_, err := s.deleteMatching(ctx, tx, ns, q)
			return err
		})
		if err != nil {
			return err
		}
	}
}

// anyMatching spares the writer a turn when there is nothing to do.
func (s *Server) anyMatching(ctx context.Context, ns string, q search) (bool, error) {
	found := false
	err := s.store.View(func(tx *storage.Tx) error {
		return s.each(ctx, tx, ns, q, func([]byte) bool { found = true; return false })
	})
	return found, err
}
