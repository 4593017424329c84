// Package query finds documents: it chooses an index, reads what the index
// says, checks each document, sorts, and projects.
package query

import (
	"bytes"
	"slices"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/filter"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

// Plan says how to read a collection for a query.
type Plan struct {
	index   *storage.Index // nil: documents themselves, by _id
	ranges  []keyRange
	reverse bool
	sorted  bool // comes in the order asked for
	dedupe  bool // one document may come more than once
	bounded bool // the query narrows what is read
	score   int
}

// Scans reports whether the plan looks at every document.
func (p Plan) Scans() bool { return !p.bounded }

// Sorted reports whether documents come in the order that was asked for.
func (p Plan) Sorted() bool { return p.sorted }

// What each thing a plan can do is worth. An index that answers by equality
// beats one that sorts, which beats one that only narrows a range.
const (
	scorePoint   = 20
	scorePoints  = 15
	scoreRange   = 8
	scoreSorted  = 10
	scoreOrder   = 5 // sorted, but all of the index is read
	scorePartial = 3
	scoreUnique  = 100
	scoreID      = 200
)

// Choose returns the best plan for a query on c.
func Choose(c *storage.Collection, f *filter.Filter, sort []bsonval.IndexField) Plan {
	leaves := f.Leaves()
	best := consider(nil, storage.IDFields(), leaves, sort)
	for _, ix := range c.Indexes {
		if !covers(ix, leaves) {
			continue
		}
		if p := consider(ix, ix.Fields, leaves, sort); p.score > best.score {
			best = p
		}
	}
	return best
}

// consider works out what one index does for the query.
func consider(ix *storage.Index, fields []bsonval.IndexField, leaves []*filter.Leaf, sort []bsonval.IndexField) Plan {
	p := Plan{index: ix, dedupe: ix != nil && ix.Multikey}
	prefixes := [][]byte{nil}
	single := make([]bool, len(fields))
	bounded := 0
	for i, f := range fields {
		if p.dedupe && sharesRoot(fields[:i], f) {
			break
		}
		b, ok := boundFor(leaves, f.Name, p.dedupe)
		if !ok || len(prefixes)*len(b.points) > maxRanges {
			break
		}
		next, final := extend(prefixes, b, f.Desc)
		if final != nil {
			p.ranges, p.score = final, p.score+scoreRange
			break
		}
		prefixes, bounded = next, i+1
		single[i] = len(b.points) == 1
		p.score += scorePoints
		if single[i] {
			p.score += scorePoint - scorePoints
		}
	}
	if p.ranges == nil {
		p.ranges = whole(prefixes)
	}
	slices.SortFunc(p.ranges, func(a, b keyRange) int { return bytes.Compare(a.lo, b.lo) })
	p.finish(fields, single, bounded, sort)
	return p
}

func whole(prefixes [][]byte) []keyRange {
	list := make([]keyRange, 0, len(prefixes))
	for _, p := range prefixes {
		list = append(list, keyRange{lo: p, hi: after(p)})
	}
	return list
}

// finish adds what does not follow from bounds alone.
func (p *Plan) finish(fields []bsonval.IndexField, single []bool, bounded int, sort []bsonval.IndexField) {
	exact := bounded == len(fields) && !slices.Contains(single, false)
	switch {
	case exact && p.index == nil:
		p.score += scoreID
	case exact && p.index.Unique:
		p.score += scoreUnique
	default:
		exact = false
	}
	p.bounded = p.score > 0
	if p.index != nil && p.index.Partial != nil {
		p.score += scorePartial
		p.bounded = true
	}
	if exact || len(sort) == 0 { // one document is always in order
		p.sorted = true
		return
	}
	if p.dedupe {
		return
	}
	if p.reverse, p.sorted = sortsBy(fields, single, sort); p.sorted {
		if p.bounded {
			p.score += scoreSorted
		} else {
			p.score += scoreOrder
		}
	}
}

// sortsBy reports whether reading the index forwards or backwards gives the
// order asked for. Fields that have one value only do not matter.
func sortsBy(fields []bsonval.IndexField, single []bool, sort []bsonval.IndexField) (reverse, ok bool) {
	i, decided := 0, false
	for _, s := range sort {
		if at := slices.IndexFunc(fields, func(f bsonval.IndexField) bool { return f.Name == s.Name }); at >= 0 && single[at] {
			continue
		}
		for i < len(fields) && single[i] && fields[i].Name != s.Name {
			i++
		}
		if i == len(fields) || fields[i].Name != s.Name {
			return false, false
		}
		backwards := fields[i].Desc != s.Desc
		if decided && backwards != reverse {
			return false, false
		}
		reverse, decided = backwards, true
		i++
	}
	return reverse, true
}

// sharesRoot reports whether f lies under the same top-level field as one
// before it, so that both may go through the same array.
func sharesRoot(before []bsonval.IndexField, f bsonval.IndexField) bool {
	return slices.ContainsFunc(before, func(o bsonval.IndexField) bool { return o.Path[0] == f.Path[0] })
}

// covers reports whether ix has every document that the query can match.
func covers(ix *storage.Index, leaves []*filter.Leaf) bool {
	if ix.Partial == nil {
		return true
	}
	return !slices.ContainsFunc(ix.Partial.Leaves(), func(need *filter.Leaf) bool {
		return !slices.ContainsFunc(leaves, func(l *filter.Leaf) bool { return l.Implies(need) })
	})
}
