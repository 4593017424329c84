package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
)

// Verify checks that documents are well formed and that every index has exactly
// the entries that the documents ask for. An error that is not ctx's wraps
// ErrDamaged.
func (s *Store) Verify(ctx context.Context) error {
	err := s.View(func(tx *Tx) error {
		var errs []error
		for _, c := range tx.Collections("") {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			errs = append(errs, tx.verify(c))
		}
		return errors.Join(errs...)
	})
	if err != nil && ctx.Err() == nil {
		return damaged(err)
	}
	return err
}

func (tx *Tx) verify(c *Collection) error {
	wanted := make([]int, len(c.Indexes))
	cur := tx.Docs(c)
	for k, doc := cur.First(); k != nil; k, doc = cur.Next() {
		if err := bsonval.Validate(doc); err != nil {
			return fmt.Errorf("%s: document %x: %w", c.Name, k, err)
		}
		id, _ := bsonval.Lookup(doc, "_id")
		if !bytes.Equal(IDKey(id), k) {
			return fmt.Errorf("%s: document %s is stored under a wrong key", c.Name, id)
		}
		for i, ix := range c.Indexes {
			keys, _, err := ix.keys(doc)
			if err != nil {
				return fmt.Errorf("%s: document %s: %w", c.Name, id, err)
			}
			wanted[i] += len(keys)
			for _, key := range keys {
				if !bytes.Equal(tx.bolt.Bucket(ix.bucket()).Get(append(key, k...)), k) {
					return fmt.Errorf("%s: document %s is missing from index %s", c.Name, id, ix.Name)
				}
			}
		}
	}
	for i, ix := range c.Indexes {
		if have := tx.bolt.Bucket(ix.bucket()).Stats().KeyN; have != wanted[i] {
			return fmt.Errorf("%s: index %s has %d entries, not %d", c.Name, ix.Name, have, wanted[i])
		}
	}
	return nil
}
