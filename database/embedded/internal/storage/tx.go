package storage

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// MaxDocument is the largest document, in bytes.
const MaxDocument = 16 << 20

// Tx is a view of the store, and inside Update and Alter the means to change
// it. What it returns is valid until it ends.
type Tx struct {
	bolt   *bolt.Tx
	cat    *catalog
	undo   []undoStep
	broken error // a step back failed: nothing of this can be committed
}

// undoStep remembers how to take one step back.
type undoStep struct {
	bucket  []byte
	key     []byte
	old     []byte // nil if the key was not there
	created bool   // the bucket was made
	cat     *catalog
}

// Collection returns the collection db.name, or nil if there is none.
func (tx *Tx) Collection(ns string) *Collection { return tx.cat.byNS[ns] }

// Collections returns those of one database, by name, or all if db is empty.
func (tx *Tx) Collections(db string) []*Collection {
	var list []*Collection
	for _, c := range tx.cat.byNS {
		if db == "" || c.DB() == db {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *Collection) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Docs returns a cursor over documents in the order of their _id.
func (tx *Tx) Docs(c *Collection) *bolt.Cursor { return tx.bolt.Bucket(c.bucket()).Cursor() }

// Entries returns a cursor over an index: its values are keys of documents.
func (tx *Tx) Entries(ix *Index) *bolt.Cursor { return tx.EntryBucket(ix).Cursor() }

// EntryBucket returns the entries of an index for many cursors.
func (tx *Tx) EntryBucket(ix *Index) *bolt.Bucket { return tx.bolt.Bucket(ix.bucket()) }

// Get returns the document under the key of its _id, or nil.
func (tx *Tx) Get(c *Collection, idKey []byte) []byte {
	return tx.bolt.Bucket(c.bucket()).Get(idKey)
}

// IDKey returns the key of an _id.
func IDKey(id bsonval.Value) []byte { return bsonval.AppendKey(make([]byte, 0, 40), id) }

// Insert adds doc, which must have an _id.
func (tx *Tx) Insert(c *Collection, doc []byte) error {
	id, _ := bsonval.Lookup(doc, "_id")
	idKey := IDKey(id)
	if err := checkSize(doc, idKey); err != nil {
		return err
	}
	if tx.Get(c, idKey) != nil {
		return duplicate(c, "_id_", idPattern(), doc, IDFields())
	}
	for i := range c.Indexes {
		if err := tx.indexDoc(c, c.Indexes[i], idKey, doc); err != nil {
			return err
		}
	}
	return tx.put(c.bucket(), idKey, doc)
}

// Replace exchanges a document for another with the same _id.
func (tx *Tx) Replace(c *Collection, old, doc []byte) error {
	id, _ := bsonval.Lookup(doc, "_id")
	idKey := IDKey(id)
	if err := checkSize(doc, idKey); err != nil {
		return err
	}
	for _, ix := range c.Indexes {
		if err := tx.reindex(c, ix, idKey, old, doc); err != nil {
			return err
		}
	}
	return tx.put(c.bucket(), idKey, doc)
}

// Delete removes a document and its index entries.
func (tx *Tx) Delete(c *Collection, old []byte) error {
	id, _ := bsonval.Lookup(old, "_id")
	idKey := IDKey(id)
	for _, ix := range c.Indexes {
		if err := tx.reindex(c, ix, idKey, old, nil); err != nil {
			return err
		}
	}
	return tx.put(c.bucket(), idKey, nil)
}

func checkSize(doc, idKey []byte) error {
	if len(doc) > MaxDocument {
		return mongoerr.New(mongoerr.ObjectTooLarge, "document of %d bytes is larger than %d", len(doc), MaxDocument)
	}
	if len(idKey) > bolt.MaxKeySize {
		return mongoerr.New(mongoerr.KeyTooLong, "_id is too long: %d bytes", len(idKey))
	}
	return nil
}

// reindex moves a document's entries from those of old to those of doc; nil
// means that it goes.
func (tx *Tx) reindex(c *Collection, ix *Index, idKey, old, doc []byte) error {
	before, _, err := ix.keys(old)
	if err != nil {
		return err
	}
	var after [][]byte
	var multi bool
	if doc != nil {
		if after, multi, err = ix.keys(doc); err != nil {
			return keyError(ix, err)
		}
	}
	if slices.EqualFunc(before, after, bytes.Equal) {
		return nil
	}
	for _, k := range before {
		if !containsKey(after, k) {
			if err := tx.put(ix.bucket(), slices.Concat(k, idKey), nil); err != nil {
				return err
			}
		}
	}
	after = slices.DeleteFunc(after, func(k []byte) bool { return containsKey(before, k) })
	return tx.addEntries(c, ix, idKey, doc, after, multi)
}

func containsKey(keys [][]byte, k []byte) bool {
	return slices.ContainsFunc(keys, func(o []byte) bool { return bytes.Equal(o, k) })
}

func (tx *Tx) indexDoc(c *Collection, ix *Index, idKey, doc []byte) error {
	keys, multi, err := ix.keys(doc)
	if err != nil {
		return keyError(ix, err)
	}
	return tx.addEntries(c, ix, idKey, doc, keys, multi)
}

func (tx *Tx) addEntries(c *Collection, ix *Index, idKey, doc []byte, keys [][]byte, multi bool) error {
	for _, k := range keys {
		full := slices.Concat(k, idKey)
		if len(full) > bolt.MaxKeySize {
			return mongoerr.New(mongoerr.KeyTooLong, "the key of index %s is too long: %d bytes", ix.Name, len(full))
		}
		if ix.Unique && tx.taken(ix, k, idKey) {
			return duplicate(c, ix.Name, ix.KeyPattern(), doc, ix.Fields)
		}
		if err := tx.put(ix.bucket(), full, idKey); err != nil {
			return err
		}
	}
	if multi {
		return tx.setMultikey(c.Name, ix.Name)
	}
	return nil
}

// taken reports whether another document has the key.
func (tx *Tx) taken(ix *Index, key, idKey []byte) bool {
	cur := tx.Entries(ix)
	for k, v := cur.Seek(key); k != nil && bytes.HasPrefix(k, key); k, v = cur.Next() {
		if !bytes.Equal(v, idKey) {
			return true
		}
	}
	return false
}

func keyError(ix *Index, err error) error {
	if errors.Is(err, bsonval.ErrParallelArrays) {
		return mongoerr.New(mongoerr.ParallelArrays, "index %s: %v", ix.Name, err)
	}
	return err
}

func idPattern() bsoncore.Document {
	return bsoncore.BuildDocument(nil, bsoncore.AppendInt32Element(nil, "_id", 1))
}

func duplicate(c *Collection, index string, pattern, doc []byte, fields []bsonval.IndexField) error {
	idx, val := bsoncore.AppendDocumentStart(nil)
	for _, f := range fields {
		v, ok := bsonval.Get(doc, f.Path)
		if !ok {
			v = bsonval.Null()
		}
		val = bsoncore.AppendValueElement(val, f.Name, v)
	}
	val = bsonval.End(val, idx)
	e := mongoerr.New(mongoerr.DuplicateKey, "E11000 duplicate key error collection: %s index: %s dup key: %s",
		c.Name, index, bsoncore.Document(val))
	e.KeyPattern, e.KeyValue = bytes.Clone(pattern), val
	return e
}

// put sets or, with a nil value, deletes a key, and remembers what was there.
func (tx *Tx) put(bucket, key, val []byte) error {
	b := tx.bolt.Bucket(bucket)
	if b == nil {
		return fmt.Errorf("bucket %s is gone", bucket)
	}
	tx.undo = append(tx.undo, undoStep{bucket: bucket, key: key, old: b.Get(key)})
	if val == nil {
		return b.Delete(key)
	}
	return b.Put(key, val)
}

// Mark returns a savepoint for RollbackTo.
func (tx *Tx) Mark() int { return len(tx.undo) }

// RollbackTo undoes everything since mark.
func (tx *Tx) RollbackTo(mark int) error {
	for len(tx.undo) > mark {
		c := tx.undo[len(tx.undo)-1]
		tx.undo = tx.undo[:len(tx.undo)-1]
		if err := tx.revert(c); err != nil {
			return fmt.Errorf("undo a write: %w", err)
		}
	}
	return nil
}

func (tx *Tx) revert(c undoStep) error {
	switch {
	case c.cat != nil:
		tx.cat = c.cat
		return nil
	case c.created:
		return tx.bolt.DeleteBucket(c.bucket)
	case c.old == nil:
		return tx.bolt.Bucket(c.bucket).Delete(c.key)
	}
	return tx.bolt.Bucket(c.bucket).Put(c.key, c.old)
}
