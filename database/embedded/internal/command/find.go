package command

import (
	"bytes"
	"context"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/filter"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/query"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

// search is what a command wants to find.
type search struct {
	filter *filter.Filter
	sort   []bsonval.IndexField
	skip   int64
	limit  int64 // 0: all
	count  bool  // documents are not asked for, nil comes in their place
}

// allDocs returns a search for everything.
func allDocs() search {
	f, _ := filter.Parse(emptyDoc())
	return search{filter: f}
}

func (q *search) setFilter(name string, v bsonval.Value) error {
	doc, err := document(name, v)
	if err != nil {
		return err
	}
	// A cursor outlives the message that its query came in.
	q.filter, err = filter.Parse(bytes.Clone(doc))
	return err
}

func (q *search) setSort(name string, v bsonval.Value) error {
	doc, err := document(name, v)
	if err != nil {
		return err
	}
	q.sort, err = bsonval.ParseSort(doc)
	if err != nil {
		return mongoerr.New(mongoerr.BadValue, "%v", err)
	}
	return nil
}

func (s *Server) find(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	q, c, size, single := allDocs(), &cursor{ns: ns}, int64(firstBatch), false
	err = r.options(func(name string, v bsonval.Value) (bool, error) {
		var err error
		switch name {
		case "filter":
			err = q.setFilter(name, v)
		case "sort":
			err = q.setSort(name, v)
		case "projection":
			c.projection, err = projection(name, v)
		case "skip":
			q.skip, err = count(name, v)
		case "limit":
			q.limit, err = count(name, v)
		case "batchSize":
			if size, err = count(name, v); size == 0 {
				size = -1 // opens the cursor without reading
			}
		case "singleBatch":
			single, err = boolean(name, v)
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	return s.store.View(func(tx *storage.Tx) error {
		if err := s.open(ctx, tx, c, q); err != nil {
			return err
		}
		return s.reply(ctx, tx, r, c, "firstBatch", int(size), !single)
	})
}

func projection(name string, v bsonval.Value) (*query.Projection, error) {
	doc, err := document(name, v)
	if err != nil {
		return nil, err
	}
	return query.ParseProjection(doc)
}

// open makes c ready to give what q finds.
func (s *Server) open(ctx context.Context, tx *storage.Tx, c *cursor, q search) error {
	c.skip, c.limit = q.skip, q.limit
	if q.limit == 0 {
		c.limit = -1
	}
	coll := tx.Collection(c.ns)
	if coll == nil {
		c.src, c.done = &listSource{}, true
		return nil
	}
	plan := s.plan(ctx, coll, q)
	scan := query.NewScan(coll, q.filter, plan)
	if plan.Sorted() {
		if q.count {
			scan.CountOnly()
		}
		scan.Skip(q.skip)
		c.src, c.skip = scanSource{scan}, 0
		return nil
	}
	keep := 0
	if q.limit > 0 {
		keep = int(min(q.limit+q.skip, 1<<31))
	}
	docs, err := sorted(ctx, tx, scan, query.NewSorter(q.sort, keep, c.projection))
	c.src, c.projection = &listSource{docs: docs}, nil
	return err
}

// plan chooses how to read and tells the debug log about a missing index.
func (s *Server) plan(ctx context.Context, coll *storage.Collection, q search) query.Plan {
	p := query.Choose(coll, q.filter, q.sort)
	if p.Scans() && !q.filter.Empty() {
		s.log.DebugContext(ctx, "embedded store: no index for query, scanning the collection",
			"collection", coll.Name, "fields", q.filter.Roots())
	}
	return p
}

func sorted(ctx context.Context, tx *storage.Tx, scan *query.Scan, to *query.Sorter) ([][]byte, error) {
	var addErr error
	err := scan.Each(ctx, tx, func(doc []byte) bool {
		addErr = to.Add(doc)
		return addErr == nil
	})
	if err == nil {
		err = addErr
	}
	return to.Sorted(), err
}

// each calls yield with what q finds in this transaction, in order.
func (s *Server) each(ctx context.Context, tx *storage.Tx, ns string, q search, yield func(doc []byte) bool) error {
	c := &cursor{ns: ns}
	if err := s.open(ctx, tx, c, q); err != nil {
		return err
	}
	skip, left := c.skip, c.limit
	return c.src.each(ctx, tx, func(doc []byte) bool {
		if skip > 0 {
			skip--
			return true
		}
		left--
		return yield(doc) && left != 0
	})
}

// matching returns what q finds. The documents are valid in tx only.
func (s *Server) matching(ctx context.Context, tx *storage.Tx, ns string, q search) ([][]byte, error) {
	var docs [][]byte
	err := s.each(ctx, tx, ns, q, func(doc []byte) bool {
		docs = append(docs, doc)
		return true
	})
	return docs, err
}
