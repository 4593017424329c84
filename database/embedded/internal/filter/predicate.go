package filter

import (
	"regexp"
	"slices"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// Op is what a Predicate asks of a value.
type Op uint8

// The conditions that there are. Their negations are made around a Leaf.
const (
	Eq Op = iota + 1
	Gt
	Gte
	Lt
	Lte
	In
	Exists
	Type
	Size
	ElemMatch
	Regex
	Mod
)

// Predicate is a condition on one value. Arg is set for comparisons, Args
// (sorted) for In.
type Predicate struct {
	Op      Op
	Arg     bsonval.Value
	Args    []bsonval.Value
	regexes []Predicate
	types   []bsoncore.Type
	re      *regexp.Regexp
	docs    node // ElemMatch on documents
	vals    node // ElemMatch on values
	n, rem  int64
}

// Exact reports whether Args say everything about an In.
func (p *Predicate) Exact() bool { return len(p.regexes) == 0 }

// expand reports whether the condition is also tried on an array's elements.
func (p *Predicate) expand() bool {
	return p.Op != Exists && p.Op != Size && p.Op != ElemMatch
}

func (p *Predicate) match(v bsonval.Value, present bool) bool {
	if !present {
		return p.matchMissing()
	}
	switch p.Op {
	case Eq:
		return equal(p.Arg, v)
	case Gt, Gte, Lt, Lte:
		return p.matchRange(v)
	case In:
		return p.matchIn(v)
	case Exists:
		return true
	case Type:
		return slices.Contains(p.types, v.Type)
	case Size:
		return bsonval.IsArray(v) && int64(len(bsonval.Elements(v.Data))) == p.n
	case ElemMatch:
		return p.firstElement(v) >= 0
	case Regex:
		return p.matchRegex(v)
	case Mod:
		n, ok := truncated(v)
		return ok && n%p.n == p.rem
	}
	return false
}

// matchMissing compares a field that is not there like null.
func (p *Predicate) matchMissing() bool {
	switch p.Op {
	case Eq, Gte, Lte:
		return p.Arg.Type == bsoncore.TypeNull
	case In:
		return p.contains(bsonval.Null())
	}
	return false
}

// matchNested is match on a value and, where the condition asks for it, on the
// elements of that value.
func (p *Predicate) matchNested(v bsonval.Value) bool {
	if p.expand() && bsonval.IsArray(v) {
		for _, e := range bsonval.Fields(v.Data) {
			if p.match(e, true) {
				return true
			}
		}
	}
	return p.match(v, true)
}

func equal(arg, v bsonval.Value) bool {
	if v.Type == bsoncore.TypeUndefined {
		return arg.Type == bsoncore.TypeNull || arg.Type == bsoncore.TypeUndefined
	}
	return bsonval.Equal(arg, v)
}

// matchRange compares values of one class only, except with the two ends of
// everything.
func (p *Predicate) matchRange(v bsonval.Value) bool {
	ends := p.Arg.Type == bsoncore.TypeMinKey || p.Arg.Type == bsoncore.TypeMaxKey
	if !ends && !bsonval.SameClass(p.Arg.Type, v.Type) {
		return false
	}
	if isNaN(p.Arg) || isNaN(v) {
		return (p.Op == Gte || p.Op == Lte) && isNaN(p.Arg) && isNaN(v)
	}
	c := bsonval.Compare(v, p.Arg)
	switch p.Op {
	case Gt:
		return c > 0
	case Gte:
		return c >= 0
	case Lt:
		return c < 0
	}
	return c <= 0
}

func isNaN(v bsonval.Value) bool {
	f, ok := v.DoubleOK()
	return ok && f != f
}

func (p *Predicate) matchIn(v bsonval.Value) bool {
	if v.Type == bsoncore.TypeUndefined && p.contains(bsonval.Null()) {
		return true
	}
	return p.contains(v) || slices.ContainsFunc(p.regexes, func(re Predicate) bool { return re.match(v, true) })
}

func (p *Predicate) contains(v bsonval.Value) bool {
	_, found := slices.BinarySearchFunc(p.Args, v, bsonval.Compare)
	return found
}

func (p *Predicate) sortArgs() {
	slices.SortFunc(p.Args, bsonval.Compare)
	p.Args = slices.CompactFunc(p.Args, bsonval.Equal)
}

// firstElement returns the position of the first element of v that satisfies an
// ElemMatch, or -1.
func (p *Predicate) firstElement(v bsonval.Value) int {
	if !bsonval.IsArray(v) {
		return -1
	}
	i := 0
	for _, e := range bsonval.Fields(v.Data) {
		if p.matchElement(e) {
			return i
		}
		i++
	}
	return -1
}

func (p *Predicate) matchElement(e bsonval.Value) bool {
	if p.vals != nil {
		return p.vals.match(wrapValue(e))
	}
	return (bsonval.IsDoc(e) || bsonval.IsArray(e)) && p.docs.match(e.Data)
}

func truncated(v bsonval.Value) (int64, bool) {
	if f, ok := v.DoubleOK(); ok {
		return int64(f), f > -1<<63 && f < 1<<63
	}
	return bsonval.Integer(v)
}

// parseRegex reads /pattern/options or the pair of $regex and $options.
// Patterns are RE2, Go's syntax: it lacks look-around and back references.
func parseRegex(arg, options bsonval.Value) (Predicate, error) {
	pattern, flags, ok := arg.RegexOK()
	if !ok {
		if pattern, ok = arg.StringValueOK(); !ok {
			return Predicate{}, mongoerr.New(mongoerr.BadValue, "$regex has to be a string")
		}
	}
	if s, ok := options.StringValueOK(); ok {
		flags = s
	}
	expr := pattern
	if flags != "" {
		for _, f := range flags {
			if f != 'i' && f != 'm' && f != 's' {
				return Predicate{}, mongoerr.New(mongoerr.BadValue, "regex option %q is not supported", f)
			}
		}
		expr = "(?" + flags + ")" + pattern
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return Predicate{}, mongoerr.New(51091, "Regular expression is invalid: %v", err)
	}
	self := bsonval.Value{Type: bsoncore.TypeRegex, Data: bsoncore.AppendRegex(nil, pattern, flags)}
	return Predicate{Op: Regex, re: re, Arg: self}, nil
}

func (p *Predicate) matchRegex(v bsonval.Value) bool {
	switch v.Type {
	case bsoncore.TypeString, bsoncore.TypeSymbol:
		return p.re.Match(v.Data[4 : len(v.Data)-1])
	case bsoncore.TypeRegex:
		return bsonval.Equal(p.Arg, v)
	}
	return false
}
