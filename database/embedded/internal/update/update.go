// Package update applies MongoDB's update operators to raw documents.
package update

import (
	"bytes"
	"slices"
	"strings"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/filter"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// Update is a parsed update. It is immutable and refers to what it was parsed
// from.
type Update struct {
	replacement []byte
	ops         []operation
	filters     map[string]*filter.Filter
}

// operation is one operator on one path.
type operation struct {
	name  string
	path  []string
	arg   bsonval.Value
	pulls func(bsonval.Value) bool // $pull only
}

// Parse reads an update document: operators or a whole new document.
func Parse(v bsonval.Value, arrayFilters []bsonval.Value) (*Update, error) {
	if bsonval.IsArray(v) {
		return nil, mongoerr.New(mongoerr.FailedToParse, "updates by an aggregation pipeline are not supported")
	}
	if !bsonval.IsDoc(v) {
		return nil, mongoerr.New(mongoerr.FailedToParse, "an update must be a document")
	}
	u := &Update{}
	if first, _, _ := bsonval.First(v.Data); !strings.HasPrefix(first, "$") {
		return u, u.parseReplacement(v.Data, arrayFilters)
	}
	if err := u.parseArrayFilters(arrayFilters); err != nil {
		return nil, err
	}
	for name, fields := range bsonval.Fields(v.Data) {
		if err := u.parseOperator(string(name), fields); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(u.ops, func(a, b operation) int { return comparePaths(a.path, b.path) })
	if err := u.checkFiltersUsed(); err != nil {
		return nil, err
	}
	return u, u.checkConflicts()
}

// Replaces reports whether the update is a whole new document.
func (u *Update) Replaces() bool { return u.replacement != nil }

func (u *Update) parseReplacement(doc []byte, arrayFilters []bsonval.Value) error {
	if len(arrayFilters) > 0 {
		return mongoerr.New(mongoerr.FailedToParse, "arrayFilters cannot be used with a replacement")
	}
	for k := range bsonval.Fields(doc) {
		if k := string(k); strings.HasPrefix(k, "$") {
			return mongoerr.New(mongoerr.DollarPrefixedField, "the dollar ($) prefixed field '%s' is not allowed in a replacement document", k)
		}
	}
	u.replacement = doc
	return nil
}

func (u *Update) parseOperator(name string, fields bsonval.Value) error {
	if operatorFor(name) == nil && name != "$unset" {
		if !strings.HasPrefix(name, "$") {
			return mongoerr.New(mongoerr.FailedToParse, "update operators and fields cannot be mixed: '%s'", name)
		}
		return mongoerr.New(mongoerr.FailedToParse, "Unknown or unsupported modifier: %s", name)
	}
	if !bsonval.IsDoc(fields) {
		return mongoerr.New(mongoerr.FailedToParse, "Modifiers operate on fields but we found type %s instead: %s",
			bsonval.TypeName(fields.Type), name)
	}
	for key, arg := range bsonval.Fields(fields.Data) {
		op := operation{name: name, path: strings.Split(string(key), "."), arg: arg}
		if err := u.checkPath(op.path); err != nil {
			return err
		}
		// One level more, for operators that put the value into an array.
		if len(op.path)+1+bsonval.Depth(arg) > bsonval.MaxDepth {
			return mongoerr.New(mongoerr.Overflow, "the update of '%s' would exceed the maximum nesting of %d", key, bsonval.MaxDepth)
		}
		if name == "$pull" {
			if err := op.parsePull(); err != nil {
				return err
			}
		}
		u.ops = append(u.ops, op)
	}
	return nil
}

func (u *Update) checkPath(path []string) error {
	name := strings.Join(path, ".")
	for i, part := range path {
		switch {
		case part == "":
			return mongoerr.New(mongoerr.EmptyFieldName, "The update path '%s' contains an empty field name, which is not allowed.", name)
		case part[0] != '$':
		case i == 0:
			return mongoerr.New(mongoerr.DollarPrefixedField, "The dollar ($) prefixed field '%s' in '%s' is not valid for storage.", part, name)
		case part == "$":
			return mongoerr.New(mongoerr.BadValue, "The positional operator $ in '%s' is not supported, use $[identifier] with arrayFilters", name)
		case part == "$[]":
		case strings.HasPrefix(part, "$[") && strings.HasSuffix(part, "]"):
			if u.filters[part[2:len(part)-1]] == nil {
				return mongoerr.New(mongoerr.BadValue, "No array filter found for identifier '%s' in path '%s'", part[2:len(part)-1], name)
			}
		default:
			return mongoerr.New(mongoerr.DollarPrefixedField, "The dollar ($) prefixed field '%s' in '%s' is not valid for storage.", part, name)
		}
	}
	return nil
}

// checkConflicts refuses two operations of which one would change what the
// other works on, whatever the document.
func (u *Update) checkConflicts() error {
	var paths [][]string
	for _, op := range u.ops {
		paths = append(paths, op.path)
	}
	if err := checkDisjoint(paths); err != nil {
		return err
	}
	return mixedPositions(paths)
}

// Apply returns doc after the update; doc itself stays as it is.
func (u *Update) Apply(doc []byte) ([]byte, error) { return u.apply(doc, false) }

// apply finds all targets in doc as it was before the first of them is changed.
func (u *Update) apply(doc []byte, insert bool) ([]byte, error) {
	if u.replacement != nil {
		return u.replace(doc)
	}
	root := &node{val: bsonval.Doc(doc)}
	targets, all := make([][][]string, len(u.ops)), [][]string(nil)
	for i, op := range u.ops {
		if op.name == "$setOnInsert" && !insert {
			continue
		}
		var err error
		if targets[i], err = u.targets(root, op.path); err != nil {
			return nil, err
		}
		all = append(all, targets[i]...)
	}
	if err := checkDisjoint(all); err != nil {
		return nil, err
	}
	for i, op := range u.ops {
		for _, path := range targets[i] {
			if err := op.applyAt(root, path); err != nil {
				return nil, err
			}
		}
	}
	next := root.encode(make([]byte, 0, len(doc)+256))
	return next, checkID(doc, next, insert)
}

// replace keeps the _id, which comes first.
func (u *Update) replace(doc []byte) ([]byte, error) {
	id, had := bsonval.Lookup(doc, "_id")
	newID, has := bsonval.Lookup(u.replacement, "_id")
	if had && has && !bsonval.Equal(id, newID) {
		return nil, immutableID()
	}
	if !had {
		return bytes.Clone(u.replacement), nil
	}
	return WithID(u.replacement, id), nil
}

func checkID(before, after []byte, insert bool) error {
	id, had := bsonval.Lookup(before, "_id")
	newID, has := bsonval.Lookup(after, "_id")
	if had == has && (!had || bsonval.Equal(id, newID)) || insert && !had {
		return nil
	}
	return immutableID()
}

func immutableID() error {
	return mongoerr.New(mongoerr.ImmutableField,
		"Performing an update on the path '_id' would modify the immutable field '_id'")
}
