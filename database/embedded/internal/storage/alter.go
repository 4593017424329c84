package storage

import (
	"fmt"
	"slices"

	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// Create makes an empty collection. It may be used in Update.
func (tx *Tx) Create(ns string) (*Collection, error) {
	c := &Collection{Name: ns, id: tx.nextID()}
	if err := tx.createBucket(c.bucket()); err != nil {
		return nil, err
	}
	return c, tx.save(c)
}

// nextID numbers buckets. It is computed and not counted, so that there is
// nothing to undo.
func (tx *Tx) nextID() uint64 {
	var last uint64
	for _, c := range tx.cat.byNS {
		last = max(last, c.id)
		for _, ix := range c.Indexes {
			last = max(last, ix.id)
		}
	}
	return last + 1
}

func (tx *Tx) createBucket(name []byte) error {
	if _, err := tx.bolt.CreateBucket(name); err != nil {
		return fmt.Errorf("make bucket %s: %w", name, err)
	}
	tx.undo = append(tx.undo, undoStep{bucket: name, created: true})
	return nil
}

// save puts c into the catalog.
func (tx *Tx) save(c *Collection) error {
	tx.undo = append(tx.undo, undoStep{cat: tx.cat})
	tx.cat = tx.cat.with(func(m map[string]*Collection) { m[c.Name] = c })
	return tx.put([]byte(rootBucket), []byte(c.Name), c.encode())
}

func (tx *Tx) setMultikey(ns, index string) error {
	c := tx.Collection(ns)
	ix := c.Index(index)
	if ix == nil || ix.Multikey {
		return nil
	}
	changed := *ix
	changed.Multikey = true
	return tx.save(c.replaceIndex(ix, &changed))
}

// CreateIndex adds ix to c and fills it. It must run in Alter. It reports false
// if the same index is there already.
func (tx *Tx) CreateIndex(c *Collection, ix *Index) (bool, error) {
	for _, have := range c.Indexes {
		switch {
		case have.Name == ix.Name && have.SameSpec(ix):
			return false, nil
		case have.Name == ix.Name:
			return false, mongoerr.New(mongoerr.IndexKeySpecConflict,
				"an index named %s exists on %s with a different key or options", ix.Name, c.Name)
		case have.SameKey(ix) && samePartial(have, ix):
			return false, mongoerr.New(mongoerr.IndexOptionsConflict,
				"the index on %s exists already under the name %s", c.Name, have.Name)
		}
	}
	if len(c.Indexes) >= MaxIndexes-1 {
		return false, mongoerr.New(mongoerr.CannotCreateIndex, "%s has %d indexes already", c.Name, MaxIndexes)
	}
	added := *ix
	added.id = tx.nextID()
	if err := tx.createBucket(added.bucket()); err != nil {
		return false, err
	}
	next := *c
	next.Indexes = append(slices.Clone(c.Indexes), &added)
	if err := tx.save(&next); err != nil {
		return false, err
	}
	return true, tx.fill(&next, &added)
}

func samePartial(a, b *Index) bool {
	if a.Partial == nil || b.Partial == nil {
		return a.Partial == b.Partial
	}
	return string(a.options()) == string(b.options())
}

func (tx *Tx) fill(c *Collection, ix *Index) error {
	cur := tx.Docs(c)
	for k, doc := cur.First(); k != nil; k, doc = cur.Next() {
		if err := tx.indexDoc(c, ix, k, doc); err != nil {
			return err
		}
	}
	return nil
}

// DropIndex removes an index. It must run in Alter.
func (tx *Tx) DropIndex(c *Collection, ix *Index) error {
	if err := tx.bolt.DeleteBucket(ix.bucket()); err != nil {
		return fmt.Errorf("drop index %s: %w", ix.Name, err)
	}
	next := *c
	next.Indexes = slices.DeleteFunc(slices.Clone(c.Indexes), func(o *Index) bool { return o.Name == ix.Name })
	return tx.save(&next)
}
