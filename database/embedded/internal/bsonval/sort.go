package bsonval

import (
	"fmt"
	"slices"
	"strings"
)

// maxSortFields is MongoDB's limit.
const maxSortFields = 32

// ParseSort reads {field: 1 or -1, ...}.
func ParseSort(doc []byte) ([]IndexField, error) {
	var fields []IndexField
	for k, v := range Fields(doc) {
		name := string(k)
		order, ok := Integer(v)
		if !ok || order != 1 && order != -1 {
			return nil, fmt.Errorf("$sort key ordering must be 1 (for ascending) or -1 (for descending), found %s for %s", v, name)
		}
		path := strings.Split(name, ".")
		if slices.Contains(path, "") || strings.HasPrefix(name, "$") {
			return nil, fmt.Errorf("cannot sort by the field %q", name)
		}
		fields = append(fields, IndexField{Name: name, Path: path, Desc: order < 0})
	}
	if len(fields) > maxSortFields {
		return nil, fmt.Errorf("cannot sort by more than %d fields", maxSortFields)
	}
	return fields, nil
}

// CompareDocs orders two documents as a sort by fields does.
func CompareDocs(a, b []byte, fields []IndexField) int {
	for _, f := range fields {
		c := Compare(SortValue(a, f.Path, f.Desc), SortValue(b, f.Path, f.Desc))
		if f.Desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// SortKey returns a key by which documents are ordered like CompareDocs does.
func SortKey(doc []byte, fields []IndexField) []byte {
	var key []byte
	for _, f := range fields {
		v := SortValue(doc, f.Path, f.Desc)
		if f.Desc {
			key = AppendKeyDesc(key, v)
		} else {
			key = AppendKey(key, v)
		}
	}
	return key
}
