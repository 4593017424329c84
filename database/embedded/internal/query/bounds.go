package query

import (
	"bytes"
	"slices"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/filter"
)

// keyRange is the part of an index with lo <= key < hi. A nil hi has no end. All
// its keys have the same first fixed bytes, which a merge does not compare.
type keyRange struct {
	lo, hi []byte
	fixed  int
}

// bound is what a query says about one field of an index.
type bound struct {
	points []bsonval.Value // the field is one of these
	leaf   *filter.Leaf    // the condition that says just that
	spans  []keyRange      // of ascending keys, if it is a range
}

// single reports whether the field has one value only.
func (b bound) single() bool { return len(b.points) == 1 }

const (
	// maxRanges bounds what $in on several fields multiplies to.
	maxRanges = 2000
	// maxMerged bounds how many ranges are read side by side, as in MongoDB. Each
	// of them costs a search in the index with every batch.
	maxMerged = 200
)

// after returns the smallest key above all keys that begin with prefix.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xFF {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}

// boundFor combines the conditions on one field. With several keys for one
// document each condition may be met by another key, so only one can be used.
func boundFor(leaves []*filter.Leaf, name string, multikey bool) (bound, bool) {
	var span *keyRange
	for _, l := range leaves {
		if l.Name != name {
			continue
		}
		if points, ok := pointsOf(&l.Pred); ok {
			return bound{points: points, leaf: l}, true
		}
		if s, ok := spanOf(&l.Pred); ok {
			if span == nil {
				span = &s
			} else if !multikey {
				span.narrow(s)
			}
		}
	}
	if span == nil {
		return bound{}, false
	}
	return bound{spans: []keyRange{*span}}, true
}

func pointsOf(p *filter.Predicate) ([]bsonval.Value, bool) {
	var points []bsonval.Value
	switch {
	case p.Op == filter.Eq:
		points = []bsonval.Value{p.Arg}
	case p.Op == filter.In:
		points = p.Args
	default:
		return nil, false
	}
	return points, !slices.ContainsFunc(points, bsonval.IsArray)
}

// spanOf returns the ascending keys that satisfy a comparison or begin with a
// prefix, which are all in one class of types.
func spanOf(p *filter.Predicate) (keyRange, bool) {
	switch p.Op {
	case filter.Gt, filter.Gte, filter.Lt, filter.Lte:
	case filter.Regex:
		lo := bsonval.TextPrefixKey(p.Prefix)
		return keyRange{lo: lo, hi: after(lo)}, p.Prefix != ""
	default:
		return keyRange{}, false
	}
	if bsonval.IsNaN(p.Arg) {
		return keyRange{}, false
	}
	s := keyRange{lo: bsonval.ClassStart(p.Arg.Type), hi: bsonval.ClassEnd(p.Arg.Type)}
	key := bsonval.AppendKey(nil, p.Arg)
	switch p.Op {
	case filter.Gt:
		s.lo = after(key)
	case filter.Gte:
		s.lo = key
	case filter.Lt:
		s.hi = key
	case filter.Lte:
		s.hi = after(key)
	}
	return s, true
}

func (s *keyRange) narrow(o keyRange) {
	if bytes.Compare(o.lo, s.lo) > 0 {
		s.lo = o.lo
	}
	if bytes.Compare(o.hi, s.hi) < 0 {
		s.hi = o.hi
	}
}

// descending turns keys of an ascending field into those of a descending one.
func (s keyRange) descending() keyRange {
	// Keys below hi become keys above ^hi, and so on; all keys that begin with
	// a bound are on the same side of it.
	lo, hi := bytes.Clone(s.hi), bytes.Clone(s.lo)
	bsonval.Invert(lo)
	bsonval.Invert(hi)
	return keyRange{lo: after(lo), hi: after(hi)}
}

// product returns to how many ranges bounds multiply.
func product(bounds []bound) int {
	n := 1
	for _, b := range bounds {
		n *= len(b.points) + len(b.spans)
	}
	return n
}

// rangesOf returns the parts of an index that bounds on its first fields leave,
// in order. The values of the fields before from are what is fixed in a range.
func rangesOf(fields []bsonval.IndexField, bounds []bound, from int) []keyRange {
	list := []keyRange{{}}
	for i, b := range bounds {
		if i == from {
			fix(list)
		}
		list = extend(list, b, fields[i].Desc)
	}
	if from >= len(bounds) {
		fix(list)
	}
	slices.SortFunc(list, func(a, b keyRange) int { return bytes.Compare(a.lo, b.lo) })
	return list
}

func fix(list []keyRange) {
	for i := range list {
		list[i].fixed = len(list[i].lo)
	}
}

// extend narrows ranges of keys that begin with their lo by a bound on the next
// field.
func extend(list []keyRange, b bound, desc bool) []keyRange {
	next := make([]keyRange, 0, len(list)*(len(b.points)+len(b.spans)))
	for _, r := range list {
		for _, v := range b.points {
			const around = 8 // what the key of a value has more than the value
			lo := append(make([]byte, 0, len(r.lo)+len(v.Data)+around), r.lo...)
			if desc {
				lo = bsonval.AppendKeyDesc(lo, v)
			} else {
				lo = bsonval.AppendKey(lo, v)
			}
			next = append(next, keyRange{lo: lo, hi: after(lo), fixed: r.fixed})
		}
		for _, s := range b.spans {
			if desc {
				s = s.descending()
			}
			next = append(next, keyRange{lo: slices.Concat(r.lo, s.lo), hi: slices.Concat(r.lo, s.hi), fixed: r.fixed})
		}
	}
	return next
}
