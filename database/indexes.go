package database

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// MongoDB's codes for an index that exists with other options, or under
// another name.
const (
	codeOptionsConflict = 85
	codeKeySpecConflict = 86
)

func conflicts(err error) bool {
	var cmd mongo.CommandError
	return errors.As(err, &cmd) && (cmd.Code == codeOptionsConflict || cmd.Code == codeKeySpecConflict)
}

// dropConflicting drops the indexes that stand in the way of ix: those with its
// name, and those with its key.
func dropConflicting(ctx context.Context, view mongo.IndexView, ix index) error {
	specs, err := view.ListSpecifications(ctx)
	if err != nil {
		return fmt.Errorf("list indexes: %w", err)
	}
	name := ix.name
	if name == "" {
		name = defaultName(ix.key)
	}
	for _, spec := range specs {
		if spec.Name != name && !sameKey(spec.KeysDocument, ix.key) || ix.keeps(spec) {
			continue
		}
		if err := view.DropOne(ctx, spec.Name); err != nil {
			return fmt.Errorf("drop index %s: %w", spec.Name, err)
		}
	}
	return nil
}

// keeps reports whether another row of the table wants the existing index.
func (ix index) keeps(spec mongo.IndexSpecification) bool {
	for _, other := range indexes() {
		if other.collection == ix.collection && other.name != ix.name && other.name == spec.Name {
			return true
		}
	}
	return false
}

func defaultName(key bson.D) string {
	name := ""
	for i, e := range key {
		if i > 0 {
			name += "_"
		}
		name += fmt.Sprintf("%s_%v", e.Key, e.Value)
	}
	return name
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
