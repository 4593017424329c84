package query

import (
	"bytes"
	"container/heap"
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
	rest   *filter.Filter // what the entries do not say already
	at     int            // keyRange, if they are read one after the other
	last   []byte         // key where it stopped; in a merge what follows the fixed bytes
	seen   map[string]bool
	done   bool
	skip   int64 // left to pass over
	count  bool  // documents are not asked for

	exact bool // the entries alone say which documents match
	docs  *bolt.Cursor
	keys  *bolt.Bucket // documents or entries of the index
	lane  lane
	lanes lanes // of a merge
}

// NewScan returns a scan that stands before the first document.
func NewScan(c *storage.Collection, f *filter.Filter, p Plan) *Scan {
	s := &Scan{coll: c, plan: p, filter: f, rest: f}
	if p.dedupe {
		s.seen = map[string]bool{}
	} else if !f.Empty() {
		s.rest = f.Without(p.answersLeaf)
	}
	return s
}

// Skip passes over the first n documents. They are not read if the plan is exact.
func (s *Scan) Skip(n int64) { s.skip = n }

// CountOnly has Each call yield with nil in place of each document, which does
// not read them if the plan is exact.
func (s *Scan) CountOnly() { s.count = true }

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
		doc, ok := s.match(s.lane.val)
		if !ok {
			continue
		}
		if s.skip > 0 {
			s.skip--
			continue
		}
		if !yield(doc) {
			s.last = append(s.last[:0], s.lane.compared()...)
			return nil
		}
	}
	s.done = true
	return nil
}

// match returns the document of an entry, if the query matches it and it has not
// come before.
func (s *Scan) match(val []byte) (doc []byte, ok bool) {
	if s.exact && (s.count || s.skip > 0) {
		return nil, true
	}
	doc = val
	if s.plan.index != nil {
		if s.seen[string(val)] {
			return nil, false
		}
		var key []byte
		if key, doc = s.docs.Seek(val); !bytes.Equal(key, val) {
			return nil, false
		}
	}
	if !s.rest.Match(doc) {
		return nil, false
	}
	if s.seen != nil {
		s.seen[string(val)] = true
	}
	if s.count {
		return nil, true
	}
	return doc, true
}

// attach prepares the scan to go on where it stopped. It reports false if the
// index is gone.
func (s *Scan) attach(tx *storage.Tx) bool {
	c := tx.Collection(s.coll.Name)
	s.docs, s.keys, s.lanes = tx.Docs(c), nil, nil
	if s.plan.index == nil {
		s.keys = s.docs.Bucket()
	} else if ix := c.Index(s.plan.index.Name); ix != nil && ix.Same(s.plan.index) {
		s.keys = tx.EntryBucket(ix)
		if ix.Multikey && s.seen == nil { // since the plan was made
			s.seen, s.rest = map[string]bool{}, s.filter
		}
	}
	s.exact = s.plan.exact && s.seen == nil
	if s.keys == nil {
		return false
	}
	s.lane = lane{cur: s.keys.Cursor(), reverse: s.plan.reverse}
	return true
}

// step moves to the next entry inside the ranges.
func (s *Scan) step() bool {
	if s.plan.merge {
		return s.stepMerged()
	}
	for s.at < len(s.plan.ranges) {
		i := s.at
		if s.plan.reverse {
			i = len(s.plan.ranges) - 1 - s.at
		}
		s.lane.in = s.plan.ranges[i]
		if s.lane.advance(s.last) {
			return true
		}
		s.lane.key, s.last = nil, nil
		s.at++
	}
	return false
}

// stepMerged is step for ranges that are read side by side.
func (s *Scan) stepMerged() bool {
	if s.lanes == nil {
		for _, r := range s.plan.ranges {
			l := &lane{cur: s.keys.Cursor(), in: r, reverse: s.plan.reverse}
			if l.advance(l.resume(s.last)) {
				s.lanes = append(s.lanes, l)
			}
		}
		heap.Init(&s.lanes)
	} else if top := s.lanes[0]; top.advance(nil) {
		heap.Fix(&s.lanes, 0)
	} else {
		heap.Pop(&s.lanes)
	}
	if len(s.lanes) == 0 {
		return false
	}
	s.lane = *s.lanes[0]
	return true
}
