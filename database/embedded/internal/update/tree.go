package update

import (
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// maxPadding bounds how many nulls one update may put before a new element.
const maxPadding = 1_500_000

// node is a value that can be changed. Only the documents and arrays on the way
// to a change are taken apart; the rest stays raw.
type node struct {
	val    bsonval.Value // its type is right even when open
	open   bool
	fields []field
}

type field struct {
	name string // unused in arrays
	node *node
}

func (n *node) expand() {
	if n.open {
		return
	}
	n.open = true
	for k, v := range bsonval.Fields(n.val.Data) {
		n.fields = append(n.fields, field{name: string(k), node: &node{val: v}})
	}
}

func (n *node) isArray() bool { return bsonval.IsArray(n.val) }
func (n *node) isDoc() bool   { return bsonval.IsDoc(n.val) }

// index returns where name is among n's fields, or -1.
func (n *node) index(name string) int {
	n.expand()
	if n.isArray() {
		if i, ok := bsonval.ArrayIndex(name); ok && i < len(n.fields) {
			return i
		}
		return -1
	}
	for i := range n.fields {
		if n.fields[i].name == name {
			return i
		}
	}
	return -1
}

// find returns the node at path without making anything, or nil.
func (n *node) find(path []string) *node {
	for _, part := range path {
		if !n.isArray() && !n.isDoc() {
			return nil
		}
		i := n.index(part)
		if i < 0 {
			return nil
		}
		n = n.fields[i].node
	}
	return n
}

// viable reports whether a field could be made at path.
func (n *node) viable(path []string) error {
	for i, part := range path {
		if err := n.canHold(path, i); err != nil {
			return err
		}
		at := n.index(part)
		if at < 0 {
			return nil
		}
		n = n.fields[at].node
	}
	return nil
}

// canHold reports whether n, which path[:i] leads to, can have path[i] in it.
func (n *node) canHold(path []string, i int) error {
	if _, position := bsonval.ArrayIndex(path[i]); n.isDoc() || n.isArray() && position {
		return nil
	}
	return mongoerr.New(mongoerr.PathNotViable, "Cannot create field '%s' in element {%s: %s}",
		path[i], strings.Join(path[:i], "."), n.value())
}

// setAt puts v at path, making documents on the way.
func (n *node) setAt(path []string, v bsonval.Value) error {
	for i, part := range path {
		if err := n.canHold(path, i); err != nil {
			return err
		}
		at := n.index(part)
		if at < 0 {
			var err error
			if at, err = n.add(part, path); err != nil {
				return err
			}
			n.fields[at].node.val = bsonval.Doc(bsoncore.BuildDocument(nil))
		}
		n = n.fields[at].node
	}
	*n = node{val: v}
	return nil
}

// add makes room for a field or element that is not there.
func (n *node) add(name string, path []string) (int, error) {
	if !n.isArray() {
		n.fields = append(n.fields, field{name: name, node: &node{val: bsonval.Null()}})
		return len(n.fields) - 1, nil
	}
	at, _ := bsonval.ArrayIndex(name)
	if at > len(n.fields)+maxPadding {
		return 0, mongoerr.New(mongoerr.BadValue, "can't backfill more than %d elements at '%s'", maxPadding, strings.Join(path, "."))
	}
	for len(n.fields) <= at {
		n.fields = append(n.fields, field{node: &node{val: bsonval.Null()}})
	}
	return at, nil
}

// unset removes what is at path. An array's element becomes null, since
// removing it would move the others.
func (n *node) unset(path []string) {
	parent := n.find(path[:len(path)-1])
	if parent == nil || !parent.isArray() && !parent.isDoc() {
		return
	}
	at := parent.index(path[len(path)-1])
	switch {
	case at < 0:
	case parent.isArray():
		parent.fields[at].node = &node{val: bsonval.Null()}
	default:
		parent.fields = append(parent.fields[:at], parent.fields[at+1:]...)
	}
}

// value returns n as a raw value.
func (n *node) value() bsonval.Value {
	if !n.open {
		return n.val
	}
	return bsonval.Value{Type: n.val.Type, Data: n.encode(nil)}
}

// encode appends the document or array n.
func (n *node) encode(dst []byte) []byte {
	if !n.open {
		return append(dst, n.val.Data...)
	}
	idx, dst := bsoncore.AppendDocumentStart(dst)
	for i, f := range n.fields {
		name := f.name
		if n.isArray() {
			name = strconv.Itoa(i)
		}
		dst = bsoncore.AppendHeader(dst, f.node.val.Type, name)
		dst = f.node.encode(dst)
	}
	return bsonval.End(dst, idx)
}
