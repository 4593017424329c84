// Package query finds documents: it chooses an index, reads what the index
// says, checks each document, sorts, and projects.
package query

import (
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
	merge   bool // by reading the ranges side by side
	dedupe  bool // one document may come more than once
	exact   bool // the query matches everything that is read
	bounded bool // the query narrows what is read
	score   int

	fields []bsonval.IndexField // what ranges are made of
	bounds []bound
	from   int
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
	best := consider(nil, storage.IDFields(), f, sort)
	for _, ix := range c.Indexes {
		if !covers(ix, leaves) {
			continue
		}
		if p := consider(ix, ix.Fields, f, sort); p.score > best.score {
			best = p
		}
	}
	best.ranges = rangesOf(best.fields, best.bounds, best.from)
	return best
}

// consider works out what one index does for the query.
func consider(ix *storage.Index, fields []bsonval.IndexField, f *filter.Filter, sort []bsonval.IndexField) Plan {
	p := Plan{index: ix, fields: fields, dedupe: ix != nil && ix.Multikey}
	p.bounds = p.boundsOf(f.Leaves())
	for _, b := range p.bounds {
		switch {
		case b.spans != nil:
			p.score += scoreRange
		case b.single():
			p.score += scorePoint
		default:
			p.score += scorePoints
		}
	}
	p.from = p.finish(sort)
	p.exact = p.answers(f)
	return p
}

// boundsOf returns what the query says about the first fields of the index. Only
// the last of them may be a range.
func (p *Plan) boundsOf(leaves []*filter.Leaf) []bound {
	var list []bound
	ranges := 1
	for i, f := range p.fields {
		if p.dedupe && sharesRoot(p.fields[:i], f) {
			break
		}
		b, ok := boundFor(leaves, f.Name, p.dedupe)
		if !ok || ranges*len(b.points) > maxRanges {
			break
		}
		list = append(list, b)
		if b.spans != nil {
			break
		}
		ranges *= len(b.points)
	}
	return list
}

// finish adds what does not follow from bounds alone. For a merge it returns the
// first field by which entries are compared.
func (p *Plan) finish(sort []bsonval.IndexField) (from int) {
	one := len(p.bounds) == len(p.fields) && !slices.ContainsFunc(p.bounds, func(b bound) bool { return !b.single() })
	switch {
	case one && p.index == nil:
		p.score += scoreID
	case one && p.index.Unique:
		p.score += scoreUnique
	default:
		one = false
	}
	p.bounded = p.score > 0
	if p.index != nil && p.index.Partial != nil {
		p.score += scorePartial
		p.bounded = true
	}
	if one || len(sort) == 0 { // one document is always in order
		p.sorted = true
		return 0
	}
	if p.dedupe {
		return 0
	}
	from, p.reverse, p.sorted = sortsBy(p.fields, p.bounds, sort)
	p.merge = p.sorted && slices.ContainsFunc(p.bounds[:min(from, len(p.bounds))], func(b bound) bool { return !b.single() })
	if p.merge && product(p.bounds) > maxMerged {
		p.sorted, p.merge, p.reverse = false, false, false
	}
	switch {
	case p.sorted && p.bounded:
		p.score += scoreSorted
	case p.sorted:
		p.score += scoreOrder
	}
	if !p.merge {
		return 0
	}
	return from
}

// sortsBy reports whether reading the index forwards or backwards gives the
// order asked for, in each range of keys that have the same values in the fields
// before from. Fields that have one value only do not matter.
func sortsBy(fields []bsonval.IndexField, bounds []bound, sort []bsonval.IndexField) (from int, reverse, ok bool) {
	single := func(i int) bool { return i < len(bounds) && bounds[i].single() }
	i, decided := 0, false
	for _, s := range sort {
		if at := slices.IndexFunc(fields, func(f bsonval.IndexField) bool { return f.Name == s.Name }); at >= 0 && single(at) {
			continue
		}
		for i < len(fields) && fields[i].Name != s.Name && (single(i) || !decided && i < len(bounds) && bounds[i].spans == nil) {
			i++
		}
		if i == len(fields) || fields[i].Name != s.Name {
			return 0, false, false
		}
		backwards := fields[i].Desc != s.Desc
		if decided && backwards != reverse {
			return 0, false, false
		}
		if !decided {
			from = i
		}
		reverse, decided = backwards, true
		i++
	}
	return from, reverse, true
}

// answers reports whether the bounds, and what is in the index at all, say as much
// as the whole query. Ranges do not, since they may have NaN in them.
func (p *Plan) answers(f *filter.Filter) bool {
	if p.dedupe || !f.Plain() {
		return false
	}
	return !slices.ContainsFunc(f.Leaves(), func(l *filter.Leaf) bool { return !p.answersLeaf(l) })
}

func (p *Plan) answersLeaf(l *filter.Leaf) bool {
	return slices.ContainsFunc(p.bounds, func(b bound) bool { return b.leaf == l }) || p.index != nil && p.index.Implies(l)
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
