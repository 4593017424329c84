package update

import (
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/filter"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// parseArrayFilters keys the filters by the identifier that they begin with.
func (u *Update) parseArrayFilters(list []bsonval.Value) error {
	u.filters = make(map[string]*filter.Filter, len(list))
	for _, v := range list {
		if !bsonval.IsDoc(v) {
			return mongoerr.New(mongoerr.TypeMismatch, "arrayFilters must be documents")
		}
		f, err := filter.Parse(v.Data)
		if err != nil {
			return err
		}
		id, err := identifier(f)
		if err != nil {
			return err
		}
		if u.filters[id] != nil {
			return mongoerr.New(mongoerr.FailedToParse, "Found multiple array filters with the same top-level field name %s", id)
		}
		u.filters[id] = f
	}
	return nil
}

func identifier(f *filter.Filter) (string, error) {
	names := f.Roots()
	if len(names) != 1 {
		return "", mongoerr.New(mongoerr.FailedToParse, "an array filter must use exactly one top-level field name, found %v", names)
	}
	return names[0], nil
}

func (u *Update) checkFiltersUsed() error {
	for id := range u.filters {
		used := slices.ContainsFunc(u.ops, func(op operation) bool { return slices.Contains(op.path, "$["+id+"]") })
		if !used {
			return mongoerr.New(mongoerr.FailedToParse, "The array filter for identifier '%s' was not used in the update", id)
		}
	}
	return nil
}

// targets replaces $, $[] and $[identifier] in a path by positions, which may
// give no path or many.
func (u *Update) targets(root *node, doc []byte, path []string, c Context) ([][]string, error) {
	at := slices.IndexFunc(path, func(part string) bool { return part[0] == '$' })
	if at < 0 {
		return [][]string{path}, nil
	}
	positions, err := u.positions(root, doc, path[:at], path[at], c)
	if err != nil {
		return nil, err
	}
	var all [][]string
	for _, i := range positions {
		concrete := slices.Concat(path[:at], []string{strconv.Itoa(i)}, path[at+1:])
		more, err := u.targets(root, doc, concrete, c)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

func (u *Update) positions(root *node, doc []byte, path []string, which string, c Context) ([]int, error) {
	if which == "$" {
		if c.Query != nil {
			if i, ok := c.Query.Position(doc, path); ok {
				return []int{i}, nil
			}
		}
		return nil, mongoerr.New(mongoerr.BadValue, "The positional operator did not find the match needed from the query.")
	}
	name := strings.Join(path, ".")
	array := root.find(path)
	if array == nil {
		return nil, mongoerr.New(mongoerr.BadValue, "The path '%s' must exist in the document in order to apply array updates.", name)
	}
	if !array.isArray() {
		return nil, mongoerr.New(mongoerr.BadValue, "Cannot apply array updates to non-array element %s: %s", name, array.value())
	}
	array.expand()
	id := which[2 : len(which)-1]
	var found []int
	for i, f := range array.fields {
		if id == "" || u.filters[id].Match(named(id, f.node.value())) {
			found = append(found, i)
		}
	}
	return found, nil
}

// named wraps an element as the document that an array filter is written for.
func named(id string, v bsonval.Value) []byte {
	return bsoncore.BuildDocument(nil, bsoncore.AppendValueElement(nil, id, v))
}
