package filter

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
)

// NeedsValue reports whether only documents that have the field can match.
func (l *Leaf) NeedsValue() bool { return !l.Pred.matchMissing() }

// Implies reports whether every document that satisfies l satisfies o. It may
// say no where a closer look would find that it does.
func (l *Leaf) Implies(o *Leaf) bool {
	if l.Name != o.Name {
		return false
	}
	p, q := &l.Pred, &o.Pred
	if q.Op == Exists {
		return l.NeedsValue()
	}
	switch p.Op {
	case Eq:
		return q.holdsForAll(p.Arg)
	case In:
		return p.Exact() && !slices.ContainsFunc(p.Args, func(v bsonval.Value) bool { return !q.holdsForAll(v) })
	case Gt, Gte, Lt, Lte:
		return p.rangeImplies(q)
	case Type:
		return q.Op == Type && !slices.ContainsFunc(p.types, func(t bsoncore.Type) bool { return !slices.Contains(q.types, t) })
	}
	return false
}

// holdsForAll reports whether everything that is equal to v satisfies q.
func (p *Predicate) holdsForAll(v bsonval.Value) bool {
	if bsonval.IsArray(v) || v.Type == bsoncore.TypeNull {
		return false
	}
	if p.Op != Type {
		return p.match(v, true)
	}
	// 1 is equal to 1.0, which is of another type.
	for _, t := range bsonval.TypeNames() {
		if bsonval.SameClass(t, v.Type) && !slices.Contains(p.types, t) {
			return false
		}
	}
	return true
}

func (p *Predicate) rangeImplies(q *Predicate) bool {
	if !bsonval.SameClass(p.Arg.Type, q.Arg.Type) || q.Op < Gt || q.Op > Lte || bsonval.IsArray(p.Arg) {
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
