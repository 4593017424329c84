package query

import (
	"bytes"
	"context"

	bolt "go.etcd.io/bbolt"

	"github.com/kubeorch/core/database/embedded/internal/filter"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

// checkEvery is after how many documents a scan looks whether it is wanted.
const checkEvery = 256

// Scan reads the documents that a query matches, in the order of its plan. It
// can stop and go on in a later transaction: it then sees what has been
// committed meanwhile, but no document twice.
type Scan struct {
	coll   *storage.Collection
	plan   Plan
	filter *filter.Filter
	at     int    // keyRange
	last   []byte // key where it stopped
	seen   map[string]bool
	done   bool

	docs *bolt.Bucket
	cur  *bolt.Cursor
	key  []byte // under the cursor
	val  []byte
}

// NewScan returns a scan that stands before the first document.
func NewScan(c *storage.Collection, f *filter.Filter, p Plan) *Scan {
	s := &Scan{coll: c, plan: p, filter: f}
	if p.dedupe {
		s.seen = map[string]bool{}
	}
	return s
}

// Each calls yield with documents until it returns false, the scan is at its
// end, or ctx is. Documents are valid in this transaction only.
func (s *Scan) Each(ctx context.Context, tx *storage.Tx, yield func(doc []byte) bool) error {
	if s.done {
		return nil
	}
	if !s.attach(tx) {
		return mongoerr.New(mongoerr.QueryPlanKilled, "the index under the cursor was dropped")
	}
	for n := 1; s.step(); n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		doc := s.val
		if s.plan.index != nil {
			if s.seen[string(s.val)] {
				continue
			}
			if doc = s.docs.Get(s.val); doc == nil {
				continue
			}
		}
		if !s.filter.Match(doc) {
			continue
		}
		if s.seen != nil {
			s.seen[string(s.val)] = true
		}
		if !yield(doc) {
			s.last = append(s.last[:0], s.key...)
			return nil
		}
	}
	s.done = true
	return nil
}

// attach puts the cursor where the scan stopped. It reports false if the index
// is gone.
func (s *Scan) attach(tx *storage.Tx) bool {
	c := tx.Collection(s.coll.Name)
	s.docs = tx.Bucket(c)
	s.cur, s.key, s.val = nil, nil, nil
	if s.plan.index == nil {
		s.cur = s.docs.Cursor()
		return true
	}
	if ix := c.Index(s.plan.index.Name); ix != nil && ix.Same(s.plan.index) {
		s.cur = tx.Entries(ix)
	}
	return s.cur != nil
}

// step moves to the next entry inside the ranges.
func (s *Scan) step() bool {
	for s.at < len(s.plan.ranges) {
		i := s.at
		if s.plan.reverse {
			i = len(s.plan.ranges) - 1 - s.at
		}
		if s.advance(s.plan.ranges[i]) {
			return true
		}
		s.key, s.val = nil, nil
		s.last = nil
		s.at++
	}
	return false
}

// advance moves the cursor one entry on, or into the keyRange if it is outside.
func (s *Scan) advance(in keyRange) bool {
	switch {
	case s.key != nil && s.plan.reverse:
		s.key, s.val = s.cur.Prev()
	case s.key != nil:
		s.key, s.val = s.cur.Next()
	case s.plan.reverse:
		s.enterBackwards(in)
	default:
		s.enter(in)
	}
	if s.key == nil {
		return false
	}
	if s.plan.reverse {
		return bytes.Compare(s.key, in.lo) >= 0
	}
	return in.hi == nil || bytes.Compare(s.key, in.hi) < 0
}

func (s *Scan) enter(in keyRange) {
	if s.last == nil {
		s.key, s.val = s.cur.Seek(in.lo)
		return
	}
	if s.key, s.val = s.cur.Seek(s.last); bytes.Equal(s.key, s.last) {
		s.key, s.val = s.cur.Next()
	}
}

// enterBackwards goes to the last entry below the keyRange's end, or below
// where the scan stopped.
func (s *Scan) enterBackwards(in keyRange) {
	end := in.hi
	if s.last != nil {
		end = s.last
	}
	if end == nil {
		s.key, s.val = s.cur.Last()
		return
	}
	if s.key, s.val = s.cur.Seek(end); s.key == nil {
		s.key, s.val = s.cur.Last()
		return
	}
	s.key, s.val = s.cur.Prev()
}
