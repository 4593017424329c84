package command

import (
	"maps"
	"slices"
	"strings"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
)

// valueSet holds values without those that MongoDB takes for equal.
type valueSet struct {
	byKey map[string]bsonval.Value
}

func newValueSet() *valueSet { return &valueSet{byKey: map[string]bsonval.Value{}} }

func (s *valueSet) add(v bsonval.Value) {
	key := string(bsonval.AppendKey(nil, v))
	if _, ok := s.byKey[key]; !ok {
		s.byKey[key] = bsonval.Clone(v)
	}
}

// addPath adds what doc has at path; of an array, its elements.
func (s *valueSet) addPath(doc []byte, path string) {
	bsonval.Walk(doc, strings.Split(path, "."), false, func(v bsonval.Value, present bool) bool {
		switch {
		case !present:
		case bsonval.IsArray(v):
			for _, e := range bsonval.Fields(v.Data) {
				s.add(e)
			}
		default:
			s.add(v)
		}
		return false
	})
}

func (s *valueSet) sorted() []bsonval.Value {
	keys := slices.Sorted(maps.Keys(s.byKey))
	vals := make([]bsonval.Value, len(keys))
	for i, k := range keys {
		vals[i] = s.byKey[k]
	}
	return vals
}
