package command

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

// count answers how many documents a collection has. Counting what a query
// finds is an aggregation.
func (s *Server) count(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	if err := r.options(noOptions); err != nil {
		return err
	}
	n := int64(0)
	err = s.store.View(func(tx *storage.Tx) error {
		n, err = s.countMatching(ctx, tx, ns, allDocs())
		return err
	})
	r.out = appendCount(r.out, "n", n)
	return err
}

// countMatching returns how many documents q, which does not sort, finds.
func (s *Server) countMatching(ctx context.Context, tx *storage.Tx, ns string, q search) (n int64, err error) {
	q.count = true
	err = s.each(ctx, tx, ns, q, func([]byte) bool { n++; return true })
	return n, err
}

// appendCount writes a number as MongoDB does: int32 where it fits.
func appendCount(dst []byte, name string, n int64) []byte {
	if n == int64(int32(n)) {
		return bsoncore.AppendInt32Element(dst, name, int32(n))
	}
	return bsoncore.AppendInt64Element(dst, name, n)
}

// aggregate runs what CountDocuments sends and its like: $match, $skip and
// $limit, each at most once and in this order, and a $group at the end.
func (s *Server) aggregate(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	q, g, size, hasCursor := allDocs(), (*grouping)(nil), int64(0), false
	err = r.options(func(name string, v bsonval.Value) (bool, error) {
		var err error
		switch name {
		case "pipeline":
			g, err = parsePipeline(v, &q)
		case "cursor":
			hasCursor = true
			size, err = cursorSize(name, v)
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	if g == nil {
		return missing("aggregate.pipeline")
	}
	if !hasCursor {
		return mongoerr.New(mongoerr.FailedToParse, "The 'cursor' option is required")
	}
	return s.store.View(func(tx *storage.Tx) error {
		if err := s.group(ctx, tx, ns, q, g); err != nil {
			return err
		}
		c := &cursor{ns: ns, src: &listSource{docs: g.documents()}, limit: -1}
		return s.reply(ctx, tx, r, c, "firstBatch", int(size), true)
	})
}

// group adds what q finds to g.
func (s *Server) group(ctx context.Context, tx *storage.Tx, ns string, q search, g *grouping) error {
	if g.constant() {
		n, err := s.countMatching(ctx, tx, ns, q)
		if err != nil || n == 0 {
			return err
		}
		return g.add(nil, n)
	}
	var failed error
	err := s.each(ctx, tx, ns, q, func(doc []byte) bool {
		failed = g.add(doc, 1)
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	return err
}

func parsePipeline(v bsonval.Value, q *search) (*grouping, error) {
	if !bsonval.IsArray(v) {
		return nil, wrongType("aggregate.pipeline", v, "array")
	}
	order, last := []string{"$match", "$skip", "$limit", "$group"}, -1
	for _, e := range bsonval.Fields(v.Data) {
		name, arg, ok := bsonval.First(e.Data)
		if !bsonval.IsDoc(e) || !ok || len(bsonval.Elements(e.Data)) != 1 {
			return nil, mongoerr.New(mongoerr.PipelineStageCount, "A pipeline stage specification object must contain exactly one field.")
		}
		at := slices.Index(order, name)
		if at < 0 {
			return nil, mongoerr.New(mongoerr.UnknownStage, "Unrecognized or unsupported pipeline stage name: '%s'", name)
		}
		if at <= last {
			return nil, mongoerr.New(mongoerr.BadValue, "%s after %s is not supported", name, order[last])
		}
		last = at
		var err error
		switch name {
		case "$match":
			err = q.setFilter(name, arg)
		case "$skip":
			if q.skip, err = count(name, arg); err != nil {
				err = mongoerr.New(5107200, "invalid argument to $skip stage: %v", err)
			}
		case "$limit":
			if q.limit, err = count(name, arg); err != nil {
				err = mongoerr.New(5107201, "invalid argument to $limit stage: %v", err)
			} else if q.limit == 0 {
				err = mongoerr.New(15958, "the limit must be positive")
			}
		case "$group":
			return parseGroup(arg)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, mongoerr.New(mongoerr.BadValue, "a pipeline that does not end with $group is not supported")
}
