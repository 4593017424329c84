package storage

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/filter"
)

// catalog says which collections and indexes there are. A catalog is never
// changed once others can see it; with makes a changed copy.
type catalog struct {
	version uint64
	byNS    map[string]*Collection
}

// Collection describes one collection. It is immutable.
type Collection struct {
	Name    string // database.collection
	id      uint64
	Indexes []*Index // without the one on _id, which is how documents are stored
}

// Index describes one index. It is immutable.
type Index struct {
	Name     string
	Fields   []bsonval.IndexField
	Unique   bool
	Multikey bool           // some document has more than one key
	Partial  *filter.Filter // nil if all documents are indexed
	Expire   *int64         // seconds after which documents go, for TTL indexes
	Spec     bsoncore.Document
	id       uint64
}

// DB is the name of the collection's database.
func (c *Collection) DB() string {
	db, _, _ := strings.Cut(c.Name, ".")
	return db
}

// Short is the collection's name inside its database.
func (c *Collection) Short() string {
	_, name, _ := strings.Cut(c.Name, ".")
	return name
}

// Index returns the index of that name, or nil.
func (c *Collection) Index(name string) *Index {
	for _, ix := range c.Indexes {
		if ix.Name == name {
			return ix
		}
	}
	return nil
}

// Implies reports whether every document in ix satisfies a condition, since it
// would not be in a partial index otherwise. It may say no where one does.
func (ix *Index) Implies(l *filter.Leaf) bool {
	return ix.Partial != nil && slices.ContainsFunc(ix.Partial.Leaves(), func(have *filter.Leaf) bool { return have.Implies(l) })
}

// KeyPattern is the index's key as it was declared.
func (ix *Index) KeyPattern() bsoncore.Document {
	key, _ := bsonval.Lookup(ix.Spec, "key")
	return key.Data
}

// keys returns the keys under which ix keeps doc; none if it leaves doc out.
func (ix *Index) keys(doc []byte) (keys [][]byte, multi bool, err error) {
	if ix.Partial != nil && !ix.Partial.Match(doc) {
		return nil, false, nil
	}
	return bsonval.IndexKeys(doc, ix.Fields)
}

func (c *catalog) with(change func(map[string]*Collection)) *catalog {
	next := &catalog{version: c.version + 1, byNS: maps.Clone(c.byNS)}
	change(next.byNS)
	return next
}

// IDFields is the key by which documents themselves are stored.
func IDFields() []bsonval.IndexField {
	return []bsonval.IndexField{{Name: "_id", Path: []string{"_id"}}}
}

// bucket is where the documents lie.
func (c *Collection) bucket() []byte { return strconv.AppendUint([]byte{'d'}, c.id, 10) }

// bucket is where the entries lie.
func (ix *Index) bucket() []byte { return strconv.AppendUint([]byte{'i'}, ix.id, 10) }

// encode writes what is kept about a collection.
func (c *Collection) encode() []byte {
	idx, dst := bsoncore.AppendDocumentStart(nil)
	dst = bsoncore.AppendInt64Element(dst, "id", int64(c.id))
	list, dst := bsoncore.AppendArrayElementStart(dst, "indexes")
	for i, ix := range c.Indexes {
		at, inner := bsoncore.AppendDocumentElementStart(dst, fmt.Sprint(i))
		inner = bsoncore.AppendInt64Element(inner, "id", int64(ix.id))
		inner = bsoncore.AppendBooleanElement(inner, "multikey", ix.Multikey)
		inner = bsoncore.AppendDocumentElement(inner, "spec", ix.Spec)
		dst = bsonval.End(inner, at)
	}
	return bsonval.End(bsonval.End(dst, list), idx)
}

func decodeCollection(ns string, raw []byte) (*Collection, error) {
	if err := bsonval.Validate(raw); err != nil {
		return nil, fmt.Errorf("catalog entry of %s: %w", ns, err)
	}
	raw = bytes.Clone(raw)
	id, _ := bsonval.Lookup(raw, "id")
	c := &Collection{Name: ns, id: uint64(id.AsInt64())}
	list, _ := bsonval.Lookup(raw, "indexes")
	for _, v := range bsonval.Fields(list.Data) {
		spec, _ := bsonval.Lookup(v.Data, "spec")
		ix, err := NewIndex(spec.Data)
		if err != nil {
			return nil, fmt.Errorf("catalog entry of %s: %w", ns, err)
		}
		multi, _ := bsonval.Lookup(v.Data, "multikey")
		id, _ := bsonval.Lookup(v.Data, "id")
		ix.Multikey, ix.id = multi.Boolean(), uint64(id.AsInt64())
		c.Indexes = append(c.Indexes, ix)
	}
	return c, nil
}

// replaceIndex returns c with one index exchanged.
func (c *Collection) replaceIndex(old, changed *Index) *Collection {
	next := *c
	next.Indexes = slices.Clone(c.Indexes)
	next.Indexes[slices.Index(next.Indexes, old)] = changed
	return &next
}

// Same reports whether both are one index and not two of the same name.
func (ix *Index) Same(o *Index) bool { return ix.id == o.id }
