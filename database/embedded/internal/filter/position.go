package filter

import (
	"slices"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
)

// Position returns which element of the array at path made doc match the
// query; it is what $ stands for in an update. If several conditions look into
// that array, the last of them decides.
func (f *Filter) Position(doc []byte, path []string) (int, bool) {
	array, ok := bsonval.Get(doc, path)
	if !ok || !bsonval.IsArray(array) {
		return 0, false
	}
	at := position(f.root, doc, path, array)
	return at, at >= 0
}

func position(n node, doc []byte, path []string, array bsonval.Value) int {
	at := -1
	switch n := n.(type) {
	case and:
		for _, c := range n {
			if p := position(c, doc, path, array); p >= 0 {
				at = p
			}
		}
	case or:
		for _, c := range n {
			if c.match(doc) {
				return position(c, doc, path, array)
			}
		}
	case *Leaf:
		if len(n.Path) >= len(path) && slices.Equal(n.Path[:len(path)], path) {
			return n.positionIn(array, n.Path[len(path):])
		}
	}
	return at
}

func (l *Leaf) positionIn(array bsonval.Value, rest []string) int {
	if len(rest) == 0 && l.Pred.Op == ElemMatch {
		return l.Pred.firstElement(array)
	}
	i := 0
	for _, e := range bsonval.Fields(array.Data) {
		if l.matchesElement(e, i, rest) {
			return i
		}
		i++
	}
	return -1
}

func (l *Leaf) matchesElement(e bsonval.Value, i int, rest []string) bool {
	if len(rest) == 0 {
		return l.Pred.match(e, true)
	}
	if at, ok := bsonval.ArrayIndex(rest[0]); ok && at == i {
		return true
	}
	return bsonval.IsDoc(e) && bsonval.Walk(e.Data, rest, l.Pred.expand(), l.Pred.match)
}
