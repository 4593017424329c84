package command

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

func (s *Server) count(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	q := allDocs()
	err = r.options(func(name string, v bsonval.Value) (bool, error) {
		var err error
		switch name {
		case "query":
			err = q.setFilter(name, v)
		case "skip":
			q.skip, err = count(name, v)
		case "limit":
			q.limit, err = count(name, v)
		case "hint":
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	n := int64(0)
	err = s.store.View(func(tx *storage.Tx) error {
		return s.each(ctx, tx, ns, q, func([]byte) bool { n++; return true })
	})
	r.out = appendCount(r.out, "n", n)
	return err
}

// appendCount writes a number as MongoDB does: int32 where it fits.
func appendCount(dst []byte, name string, n int64) []byte {
	if n == int64(int32(n)) {
		return bsoncore.AppendInt32Element(dst, name, int32(n))
	}
	return bsoncore.AppendInt64Element(dst, name, n)
}

func (s *Server) distinct(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	q, key := allDocs(), ""
	err = r.options(func(name string, v bsonval.Value) (bool, error) {
		switch name {
		case "query":
			return true, q.setFilter(name, v)
		case "key":
			key, _ = v.StringValueOK()
			return true, nil
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	if key == "" {
		return mongoerr.New(mongoerr.TypeMismatch, "distinct needs a key")
	}
	set := newValueSet()
	err = s.store.View(func(tx *storage.Tx) error {
		return s.each(ctx, tx, ns, q, func(doc []byte) bool {
			set.addPath(doc, key)
			return true
		})
	})
	r.out = bsoncore.BuildArrayElement(r.out, "values", set.sorted()...)
	return err
}
