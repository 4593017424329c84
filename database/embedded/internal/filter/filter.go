// Package filter understands MongoDB's query documents.
package filter

import (
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// Filter is a parsed query. It is immutable and refers to the document that it
// was parsed from.
type Filter struct {
	root   and
	leaves []*Leaf
}

// node is one condition on a whole document.
type node interface {
	match(doc []byte) bool
}

type (
	and []node
	or  []node
	not struct{ node }
)

func (n and) match(doc []byte) bool {
	for _, c := range n {
		if !c.match(doc) {
			return false
		}
	}
	return true
}

func (n or) match(doc []byte) bool {
	for _, c := range n {
		if c.match(doc) {
			return true
		}
	}
	return false
}

func (n not) match(doc []byte) bool { return !n.node.match(doc) }

// Leaf is one condition on the values at a path.
type Leaf struct {
	Path []string
	Name string
	Pred Predicate
}

func (l *Leaf) match(doc []byte) bool {
	return bsonval.Walk(doc, l.Path, l.Pred.expand(), l.Pred.match)
}

// Parse reads a query document.
func Parse(doc []byte) (*Filter, error) {
	root, err := parseDoc(doc)
	if err != nil {
		return nil, err
	}
	return &Filter{root: root, leaves: leaves(root, nil)}, nil
}

// Match reports whether doc satisfies the query.
func (f *Filter) Match(doc []byte) bool { return f.root.match(doc) }

// Empty reports whether the query matches everything.
func (f *Filter) Empty() bool { return len(f.root) == 0 }

// Leaves returns the conditions that every matching document satisfies; the
// query may have others beside them.
func (f *Filter) Leaves() []*Leaf { return f.leaves }

func leaves(n and, found []*Leaf) []*Leaf {
	for _, c := range n {
		switch c := c.(type) {
		case *Leaf:
			found = append(found, c)
		case and:
			found = leaves(c, found)
		}
	}
	return found
}

// Equalities returns the conditions that say what a field is, out of which an
// upsert makes a document.
func (f *Filter) Equalities() []Equality {
	var all []Equality
	for _, l := range f.Leaves() {
		switch {
		case l.Pred.Op == Eq:
			all = append(all, Equality{l.Path, l.Pred.Arg})
		case l.Pred.Op == In && len(l.Pred.Args) == 1:
			all = append(all, Equality{l.Path, l.Pred.Args[0]})
		}
	}
	return all
}

// Equality says that the field at Path has a Value.
type Equality struct {
	Path  []string
	Value bsonval.Value
}

func parseDoc(doc []byte) (and, error) {
	var all and
	for key, v := range bsonval.Fields(doc) {
		var n node
		var err error
		if name := string(key); strings.HasPrefix(name, "$") {
			n, err = parseLogical(name, v)
		} else {
			n, err = parseField(name, v)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

func parseLogical(name string, v bsonval.Value) (node, error) {
	if name != "$and" && name != "$or" {
		return nil, mongoerr.New(mongoerr.BadValue, "unknown or unsupported top level operator: %s", name)
	}
	if !bsonval.IsArray(v) || bsonval.Empty(v.Data) {
		return nil, mongoerr.New(mongoerr.BadValue, "%s must be a nonempty array", name)
	}
	var parts []node
	for _, e := range bsonval.Fields(v.Data) {
		if !bsonval.IsDoc(e) {
			return nil, mongoerr.New(mongoerr.BadValue, "%s needs an array of documents", name)
		}
		n, err := parseDoc(e.Data)
		if err != nil {
			return nil, err
		}
		parts = append(parts, n)
	}
	if name == "$and" || len(parts) == 1 {
		return and(parts), nil
	}
	return or(parts), nil
}

func parseField(name string, v bsonval.Value) (node, error) {
	path := strings.Split(name, ".")
	return parseCondition(v, func(p Predicate) node {
		return &Leaf{Path: path, Name: name, Pred: p}
	})
}

// parseCondition reads what stands behind a field: a value to be equal to, or a
// document of operators.
func parseCondition(v bsonval.Value, leaf func(Predicate) node) (node, error) {
	if !hasOperators(v) {
		return leaf(Predicate{Op: Eq, Arg: v}), nil
	}
	var all and
	for key, arg := range bsonval.Fields(v.Data) {
		n, err := parseOperator(string(key), arg, v.Data, leaf)
		if err != nil {
			return nil, err
		}
		if n != nil {
			all = append(all, n)
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

// hasOperators reports whether v is a document of operators, as its first field
// decides.
func hasOperators(v bsonval.Value) bool {
	if !bsonval.IsDoc(v) {
		return false
	}
	name, _, _ := bsonval.First(v.Data)
	return strings.HasPrefix(name, "$")
}

// isLogical reports whether v is a document that begins with $and or $or.
func isLogical(v bsonval.Value) bool {
	name, _, _ := bsonval.First(v.Data)
	return name == "$and" || name == "$or"
}

// Plain reports whether the query consists of nothing but Leaves that compare,
// which is what a partial index may be filtered by.
func (f *Filter) Plain() bool { return plain(f.root) }

func plain(n and) bool {
	for _, c := range n {
		switch c := c.(type) {
		case *Leaf:
			if c.Pred.Op > Exists {
				return false
			}
		case and:
			if !plain(c) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// Roots returns the first components of all paths in the query, sorted.
func (f *Filter) Roots() []string {
	found := map[string]bool{}
	roots(f.root, found)
	return slices.Sorted(maps.Keys(found))
}

func roots(n node, found map[string]bool) {
	switch n := n.(type) {
	case *Leaf:
		found[n.Path[0]] = true
	case not:
		roots(n.node, found)
	case and:
		for _, c := range n {
			roots(c, found)
		}
	case or:
		for _, c := range n {
			roots(c, found)
		}
	}
}

// ParseElement reads the condition of a $pull, which is about one element of an
// array: operators, a query for elements that are documents, or a value.
func ParseElement(v bsonval.Value) (func(bsonval.Value) bool, error) {
	switch {
	case !bsonval.IsDoc(v):
		return func(e bsonval.Value) bool { return bsonval.Equal(v, e) }, nil
	case !hasOperators(v) || isLogical(v):
		n, err := parseDoc(v.Data)
		return func(e bsonval.Value) bool { return bsonval.IsDoc(e) && n.match(e.Data) }, err
	}
	n, err := parseCondition(v, func(p Predicate) node { return onField{p} })
	return func(e bsonval.Value) bool { return n.match(wrapValue(e)) }, err
}

// onValue is a condition of an $elemMatch on an element that wrapValue wrapped.
// It looks at the element alone.
type onValue struct{ Predicate }

func (o onValue) match(wrapped []byte) bool {
	_, v, _ := bsonval.First(wrapped)
	return o.Predicate.match(v, true)
}

// onField is onValue for $pull, which treats the element like a field: of an
// element that is an array, the elements count too.
type onField struct{ Predicate }

func (o onField) match(wrapped []byte) bool {
	return bsonval.Walk(wrapped, []string{""}, o.expand(), o.Predicate.match)
}

func wrapValue(v bsonval.Value) []byte {
	idx, dst := bsoncore.AppendDocumentStart(make([]byte, 0, len(v.Data)+8))
	return bsonval.End(bsoncore.AppendValueElement(dst, "", v), idx)
}
