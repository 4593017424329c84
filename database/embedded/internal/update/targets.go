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
	name := names[0]
	for i, c := range []byte(name) {
		lower := c >= 'a' && c <= 'z'
		if !lower && (i == 0 || (c < 'A' || c > 'Z') && (c < '0' || c > '9')) {
			return "", mongoerr.New(mongoerr.BadValue, "The identifier '%s' must begin with a lowercase letter and hold letters and digits only", name)
		}
	}
	if name == "" {
		return "", mongoerr.New(mongoerr.FailedToParse, "Cannot use an expression without a top-level field name in arrayFilters")
	}
	return name, nil
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

// targets replaces $[] and $[identifier] in a path by positions, which may give
// no path or many.
func (u *Update) targets(root *node, path []string) ([][]string, error) {
	at := slices.IndexFunc(path, isDynamic)
	if at < 0 {
		return [][]string{path}, nil
	}
	positions, err := u.positions(root, path[:at], path[at])
	if err != nil {
		return nil, err
	}
	var all [][]string
	for _, i := range positions {
		more, err := u.targets(root, slices.Concat(path[:at], []string{strconv.Itoa(i)}, path[at+1:]))
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// isDynamic reports whether a part of a path stands for elements of an array.
// checkPath lets no other part begin with a dollar.
func isDynamic(part string) bool { return part[0] == '$' }

func (u *Update) positions(root *node, path []string, which string) ([]int, error) {
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

// comparePaths is the order in which MongoDB applies fields, which shows in
// where new ones stand: numbers by value before names.
func comparePaths(a, b []string) int {
	return slices.CompareFunc(a, b, func(x, y string) int {
		i, isNumber := bsonval.ArrayIndex(x)
		j, areNumbers := bsonval.ArrayIndex(y)
		switch {
		case isNumber && areNumbers:
			return i - j
		case isNumber:
			return -1
		case areNumbers:
			return 1
		}
		return strings.Compare(x, y)
	})
}

// checkDisjoint refuses two paths of which one would change what the other
// works on.
func checkDisjoint(paths [][]string) error {
	slices.SortFunc(paths, comparePaths)
	for i := 1; i < len(paths); i++ {
		if a, b := paths[i-1], paths[i]; len(a) <= len(b) && slices.Equal(a, b[:len(a)]) {
			return conflictAt(b, a)
		}
	}
	return nil
}

func conflictAt(path, at []string) error {
	return mongoerr.New(mongoerr.ConflictingOperators, "Updating the path '%s' would create a conflict at '%s'",
		strings.Join(path, "."), strings.Join(at, "."))
}

// mixedPositions refuses paths that enter one array both by a filter and by
// name or position.
func mixedPositions(paths [][]string) error {
	dynamic := map[string]bool{}
	for _, path := range paths {
		for i, part := range path {
			parent := strings.Join(path[:i], ".")
			if was, seen := dynamic[parent]; seen && was != isDynamic(part) {
				return conflictAt(path, path[:i])
			}
			dynamic[parent] = isDynamic(part)
		}
	}
	return nil
}
