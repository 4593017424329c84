package database

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// MongoDB's codes for an index that exists with other options, or under
// another name.
const (
	codeOptionsConflict = 85
	codeKeySpecConflict = 86
)

// indexTime bounds EnsureIndexes. Large collections take their time.
const indexTime = 30 * time.Minute

// EnsureIndexes creates the missing indexes of the table, and replaces those that
// exist with other options. Several processes may call it at once.
func (d *DB) EnsureIndexes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, indexTime)
	defer cancel()
	models := map[string][]mongo.IndexModel{}
	for _, ix := range indexes(d.keep) {
		models[ix.collection] = append(models[ix.collection], ix.model())
	}
	for name, list := range models {
		_, err := d.db.Collection(name).Indexes().CreateMany(ctx, list)
		if conflicts(err) {
			err = d.replaceIndexes(ctx, name)
		}
		if err != nil {
			return fmt.Errorf("create the indexes of %s: %w", name, err)
		}
	}
	return nil
}

// replaceIndexes creates the indexes of one collection one by one, and drops
// existing ones that conflict.
func (d *DB) replaceIndexes(ctx context.Context, collection string) error {
	view := d.db.Collection(collection).Indexes()
	all := indexes(d.keep)
	for _, ix := range all {
		if ix.collection != collection {
			continue
		}
		_, err := view.CreateOne(ctx, ix.model())
		if conflicts(err) {
			if err = dropConflicting(ctx, view, ix, all); err == nil {
				_, err = view.CreateOne(ctx, ix.model())
			}
		}
		if err != nil {
			return fmt.Errorf("index %s: %w", ix.indexName(), err)
		}
	}
	return nil
}

func conflicts(err error) bool {
	var cmd mongo.CommandError
	return errors.As(err, &cmd) && (cmd.Code == codeOptionsConflict || cmd.Code == codeKeySpecConflict)
}

// dropConflicting drops the indexes that conflict with ix: those with its name and
// those with its key.
func dropConflicting(ctx context.Context, view mongo.IndexView, ix index, all []index) error {
	specs, err := view.ListSpecifications(ctx)
	if err != nil {
		return fmt.Errorf("list indexes: %w", err)
	}
	for _, spec := range specs {
		if spec.Name != ix.indexName() && !sameKey(spec.KeysDocument, ix.key) || ix.isAnotherRow(spec, all) {
			continue
		}
		if err := view.DropOne(ctx, spec.Name); err != nil {
			return fmt.Errorf("drop index %s: %w", spec.Name, err)
		}
	}
	return nil
}

// isAnotherRow reports whether the existing index is that of another row.
func (ix index) isAnotherRow(spec mongo.IndexSpecification, all []index) bool {
	for _, other := range all {
		if other.collection == ix.collection && other.indexName() != ix.indexName() && other.indexName() == spec.Name {
			return true
		}
	}
	return false
}

// indexName is the index's name, by default the one that MongoDB derives from the key.
func (ix index) indexName() string {
	if ix.name != "" {
		return ix.name
	}
	var parts []string
	for _, e := range ix.key {
		parts = append(parts, fmt.Sprintf("%s_%v", e.Key, e.Value))
	}
	return strings.Join(parts, "_")
}

func sameKey(have bson.Raw, want bson.D) bool {
	elems, err := have.Elements()
	if err != nil || len(elems) != len(want) {
		return false
	}
	for i, e := range elems {
		n, ok := e.Value().AsInt64OK()
		if e.Key() != want[i].Key || !ok || int(n) != want[i].Value {
			return false
		}
	}
	return true
}
