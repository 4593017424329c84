package filter

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
)

// Implies reports whether every document that satisfies l satisfies o. It may
// say no where a closer look would find that it does.
func (l *Leaf) Implies(o *Leaf) bool {
	if l.Name != o.Name {
		return false
	}
	p, q := &l.Pred, &o.Pred
	if q.Op == Exists {
		return !p.matchMissing()
	}
	switch p.Op {
	case Eq:
		return q.holdsForAll(p.Arg)
	case In:
		return !slices.ContainsFunc(p.Args, func(v bsonval.Value) bool { return !q.holdsForAll(v) })
	case Gt, Gte, Lt, Lte:
		return p.rangeImplies(q)
	}
	return false
}

// holdsForAll reports whether everything that is equal to v satisfies q.
func (p *Predicate) holdsForAll(v bsonval.Value) bool {
	return !bsonval.IsArray(v) && v.Type != bsoncore.TypeNull && p.match(v, true)
}

func (p *Predicate) rangeImplies(q *Predicate) bool {
	if !bsonval.SameClass(p.Arg.Type, q.Arg.Type) || q.Op < Gt || q.Op > Lte || bsonval.IsNaN(p.Arg) || bsonval.IsNaN(q.Arg) {
		return false
	}
	c := bsonval.Compare(p.Arg, q.Arg)
	switch q.Op {
	case Gt:
		return p.Op == Gt && c >= 0 || p.Op == Gte && c > 0
	case Gte:
		return (p.Op == Gt || p.Op == Gte) && c >= 0
	case Lt:
		return p.Op == Lt && c <= 0 || p.Op == Lte && c < 0
	}
	return (p.Op == Lt || p.Op == Lte) && c <= 0
}

// Without returns the query less those of its Leaves that are known to hold.
func (f *Filter) Without(holds func(*Leaf) bool) *Filter {
	return &Filter{root: without(f.root, holds)}
}

func without(n and, holds func(*Leaf) bool) and {
	var rest and
	for _, c := range n {
		switch c := c.(type) {
		case *Leaf:
			if !holds(c) {
				rest = append(rest, c)
			}
		case and:
			rest = append(rest, without(c, holds)...)
		default:
			rest = append(rest, c)
		}
	}
	return rest
}
