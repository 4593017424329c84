package query

import (
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// Projection says which fields of a document are returned. Nil returns all.
type Projection struct {
	include bool
	id      bool
	tree    *fieldTree
}

// fieldTree holds the paths of a projection. They are few, so that comparing with
// all of them costs less than a map does.
type fieldTree struct {
	kids []kid
	end  bool // of a path
}

type kid struct {
	name string
	tree *fieldTree
}

func (t *fieldTree) get(name []byte) *fieldTree {
	for i := range t.kids {
		if t.kids[i].name == string(name) {
			return t.kids[i].tree
		}
	}
	return nil
}

// ParseProjection reads inclusions or exclusions; nil for an empty document.
// Computed fields, $slice and $elemMatch are refused.
func ParseProjection(doc []byte) (*Projection, error) {
	if bsonval.Empty(doc) {
		return nil, nil
	}
	p := &Projection{id: true, tree: &fieldTree{}}
	decided := false
	for k, v := range bsonval.Fields(doc) {
		name := string(k)
		on, ok := v.BooleanOK()
		if n, isNumber := bsonval.Number(v); isNumber {
			on, ok = n != 0, true
		}
		if !ok || strings.HasPrefix(name, "_id.") {
			return nil, mongoerr.New(mongoerr.BadValue, "projection of '%s' by %s is not supported, only inclusion and exclusion of fields are, and of _id as a whole", name, v)
		}
		if name == "_id" {
			p.id = on
			continue
		}
		if decided && on != p.include {
			return nil, mixed(on, name)
		}
		p.include, decided = on, true
		if err := p.tree.add(strings.Split(name, "."), name); err != nil {
			return nil, err
		}
	}
	if !decided {
		p.include = p.id
	}
	return p, nil
}

func mixed(include bool, name string) error {
	if include {
		return mongoerr.New(31253, "Cannot do inclusion on field %s in exclusion projection", name)
	}
	return mongoerr.New(31254, "Cannot do exclusion on field %s in inclusion projection", name)
}

func (t *fieldTree) add(path []string, name string) error {
	for i, part := range path {
		if part == "" || part[0] == '$' {
			return mongoerr.New(mongoerr.BadValue, "projection path '%s' is not supported", name)
		}
		next, last := t.get([]byte(part)), i == len(path)-1
		switch {
		case next != nil && last:
			return mongoerr.New(31250, "Path collision at %s", name)
		case next != nil && next.end:
			return mongoerr.New(31249, "Path collision at %s remaining portion %s", name, strings.Join(path[i+1:], "."))
		}
		if next == nil {
			next = &fieldTree{end: last}
			t.kids = append(t.kids, kid{part, next})
		}
		t = next
	}
	return nil
}

// Append writes doc as the projection shows it.
func (p *Projection) Append(dst, doc []byte) []byte {
	if p == nil {
		return append(dst, doc...)
	}
	idx, dst := bsoncore.AppendDocumentStart(dst)
	start, end := 4, 4 // of fields that are shown as they are, which are copied together
	for k, v := range bsonval.Fields(doc) {
		t := p.tree.get(k)
		next := end + len(k) + len(v.Data) + 2
		if !p.keeps(k, t) {
			dst = append(dst, doc[start:end]...)
			start = next
			if t != nil && !t.end {
				dst = p.appendValue(dst, k, v, t)
			}
		}
		end = next
	}
	return bsonval.End(append(dst, doc[start:end]...), idx)
}

// keeps reports whether a field is shown as it is; t is nil if the projection does
// not name it.
func (p *Projection) keeps(key []byte, t *fieldTree) bool {
	switch {
	case string(key) == "_id":
		return p.id
	case t == nil:
		return !p.include
	}
	return t.end && p.include
}

// appendValue writes one field; t is where the projection's tree stands, nil if
// it does not name the field.
func (p *Projection) appendValue(dst, key []byte, v bsonval.Value, t *fieldTree) []byte {
	switch {
	case t == nil && p.include, t != nil && t.end && !p.include:
		return dst
	case t == nil, t.end:
		return appendField(dst, key, v)
	case bsonval.IsDoc(v):
		dst = bsoncore.AppendHeader(dst, v.Type, string(key))
		return p.appendDoc(dst, v.Data, t)
	case bsonval.IsArray(v):
		dst = bsoncore.AppendHeader(dst, v.Type, string(key))
		return p.appendArray(dst, v.Data, t)
	case p.include:
		return dst
	}
	return appendField(dst, key, v)
}

func (p *Projection) appendDoc(dst, doc []byte, t *fieldTree) []byte {
	idx, dst := bsoncore.AppendDocumentStart(dst)
	for k, v := range bsonval.Fields(doc) {
		dst = p.appendValue(dst, k, v, t.get(k))
	}
	return bsonval.End(dst, idx)
}

// appendArray applies the rest of a path to every element. Elements in which
// it has no place are left out by an inclusion and kept by an exclusion.
func (p *Projection) appendArray(dst, arr []byte, t *fieldTree) []byte {
	idx, dst := bsoncore.AppendArrayStart(dst)
	i := 0
	for _, v := range bsonval.Fields(arr) {
		before := len(dst)
		dst = p.appendValue(dst, []byte(strconv.Itoa(i)), v, t)
		if len(dst) > before {
			i++
		}
	}
	return bsonval.End(dst, idx)
}

func appendField(dst, key []byte, v bsonval.Value) []byte {
	dst = append(dst, byte(v.Type))
	dst = append(append(dst, key...), 0)
	return append(dst, v.Data...)
}
