package filter

import (
	"regexp"
	"slices"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
)

// Op is what a Predicate asks of a value.
type Op uint8

// The conditions that there are. Their negations are made around a Leaf. A
// partial index may use those up to Exists.
const (
	Eq Op = iota + 1
	Gt
	Gte
	Lt
	Lte
	In
	Exists
	Size
	ElemMatch
	Regex
)

// Predicate is a condition on one value. Arg is set for comparisons, Args
// (sorted) for In, Prefix for a Regex that matches just the texts with it.
type Predicate struct {
	Op     Op
	Arg    bsonval.Value
	Args   []bsonval.Value
	Prefix string
	size   int64
	re     *regexp.Regexp
	fold   []byte // the text of a Regex for it in any case, if it is ASCII
	docs   node   // ElemMatch on documents
	vals   node   // ElemMatch on values
}

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
		return bsonval.Equal(p.Arg, v)
	case Gt, Gte, Lt, Lte:
		return p.matchRange(v)
	case In:
		return p.contains(v)
	case Exists:
		return true
	case Size:
		return bsonval.IsArray(v) && int64(len(bsonval.Elements(v.Data))) == p.size
	case ElemMatch:
		return p.matchElements(v)
	case Regex:
		return v.Type == bsoncore.TypeString && p.matchText(v.Data[4:len(v.Data)-1])
	}
	return false
}

// matchText spares most texts the regular expression, which takes much longer.
// Beyond ASCII some characters are other cases of ASCII ones.
func (p *Predicate) matchText(text []byte) bool {
	if len(p.fold) > 0 && isASCII(text) {
		return containsFold(text, p.fold)
	}
	return p.re.Match(text)
}

func isASCII(text []byte) bool {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// containsFold reports whether text has part in it in any case; part is in lower
// case, and both are ASCII.
func containsFold(text, part []byte) bool {
	for i := 0; i+len(part) <= len(text); i++ {
		n := 0
		for n < len(part) && lower(text[i+n]) == part[n] {
			n++
		}
		if n == len(part) {
			return true
		}
	}
	return false
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// matchMissing compares a field that is not there like null.
func (p *Predicate) matchMissing() bool {
	switch p.Op {
	case Eq:
		return p.Arg.Type == bsoncore.TypeNull
	case In:
		return p.contains(bsonval.Null())
	}
	return false
}

// matchRange compares values of one class only. NaN compares with itself only.
func (p *Predicate) matchRange(v bsonval.Value) bool {
	if !bsonval.SameClass(p.Arg.Type, v.Type) {
		return false
	}
	if bsonval.IsNaN(p.Arg) || bsonval.IsNaN(v) {
		return (p.Op == Gte || p.Op == Lte) && bsonval.IsNaN(p.Arg) && bsonval.IsNaN(v)
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

func (p *Predicate) contains(v bsonval.Value) bool {
	_, found := slices.BinarySearchFunc(p.Args, v, bsonval.Compare)
	return found
}

func (p *Predicate) sortArgs() {
	slices.SortFunc(p.Args, bsonval.Compare)
	p.Args = slices.CompactFunc(p.Args, bsonval.Equal)
}

// matchElements reports whether v is an array with an element that satisfies an
// ElemMatch.
func (p *Predicate) matchElements(v bsonval.Value) bool {
	if !bsonval.IsArray(v) {
		return false
	}
	for _, e := range bsonval.Fields(v.Data) {
		switch {
		case p.vals != nil:
			if p.vals.match(wrapValue(e)) {
				return true
			}
		case bsonval.IsDoc(e), bsonval.IsArray(e):
			if p.docs.match(e.Data) {
				return true
			}
		}
	}
	return false
}
