package bsonval

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxSortFields is MongoDB's limit.
const maxSortFields = 32

// IndexField is one field of the key of an index or a sort.
type IndexField struct {
	Name string
	Path []string
	Desc bool
}

// ErrParallelArrays reports a document in which two fields of one key lie in
// different arrays.
var ErrParallelArrays = errors.New("the fields of the key lie in parallel arrays")

// IndexKeys returns the keys, without duplicates, under which an index on
// fields keeps doc, in order. Arrays give one key for each element; multi is true
// then.
func IndexKeys(doc []byte, fields []IndexField) (keys [][]byte, multi bool, err error) {
	b := keyBuilder{fields: fields}
	at := make([]cursor, len(fields))
	for i, f := range fields {
		at[i] = cursor{val: Doc(doc), rest: f.Path}
	}
	if err := b.expand(at); err != nil {
		return nil, false, err
	}
	if len(b.keys) > 1 {
		slices.SortFunc(b.keys, bytes.Compare)
		b.keys = slices.CompactFunc(b.keys, bytes.Equal)
	}
	return b.keys, b.multi, nil
}

// ParseSort reads {field: 1 or -1, ...}.
func ParseSort(doc []byte) ([]IndexField, error) {
	var fields []IndexField
	for k, v := range Fields(doc) {
		f, err := ParseField(string(k), v)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(fields, func(o IndexField) bool { return o.Name == f.Name }) {
			return nil, fmt.Errorf("the field %q is named twice", f.Name)
		}
		fields = append(fields, f)
	}
	if len(fields) > maxSortFields {
		return nil, fmt.Errorf("a key has at most %d fields", maxSortFields)
	}
	return fields, nil
}

// ParseField reads one field of a key with its direction. Positions in arrays
// are not supported.
func ParseField(name string, order Value) (IndexField, error) {
	n, ok := Integer(order)
	if !ok || n != 1 && n != -1 {
		return IndexField{}, fmt.Errorf("the order of %q must be 1 (ascending) or -1 (descending), found %s", name, order)
	}
	path := strings.Split(name, ".")
	for _, part := range path {
		if _, position := ArrayIndex(part); position || part == "" || part[0] == '$' {
			return IndexField{}, fmt.Errorf("the field %q cannot be part of a key: %q is not supported", name, part)
		}
	}
	return IndexField{Name: name, Path: path, Desc: n < 0}, nil
}

// SortKey returns the key by which doc is sorted. Of a document that has
// several, because of an array, the first in the order counts.
func SortKey(doc []byte, fields []IndexField) ([]byte, error) {
	keys, _, err := IndexKeys(doc, fields)
	if err != nil {
		return nil, err
	}
	return keys[0], nil
}

// cursor is how far one field's path has been followed.
type cursor struct {
	val     Value
	rest    []string
	missing bool
	done    bool // val is the field's value, even if it is an array
}

type keyBuilder struct {
	fields []IndexField
	keys   [][]byte
	multi  bool
}

// expand follows every path to its end or to an array. All fields that meet an
// array must meet the same one; its elements are then followed one by one.
func (b *keyBuilder) expand(at []cursor) error {
	var array []byte
	for i := range at {
		at[i].descend()
		if at[i].done || at[i].missing || !IsArray(at[i].val) {
			continue
		}
		if array != nil && &array[0] != &at[i].val.Data[0] {
			return ErrParallelArrays
		}
		array = at[i].val.Data
	}
	if array == nil {
		b.emit(at)
		return nil
	}
	b.multi = true
	if Empty(array) {
		return b.expand(step(at, array, Undefined()))
	}
	for _, e := range Fields(array) {
		if err := b.expand(step(at, array, e)); err != nil {
			return err
		}
	}
	return nil
}

// step returns at with the fields that stand at array moved on to element e.
func step(at []cursor, array []byte, e Value) []cursor {
	next := slices.Clone(at)
	for i, c := range next {
		if c.done || c.missing || !IsArray(c.val) || &c.val.Data[0] != &array[0] {
			continue
		}
		next[i].val = e
		next[i].done = len(c.rest) == 0
		next[i].missing = len(c.rest) > 0 && !IsDoc(e)
	}
	return next
}

func (c *cursor) descend() {
	for !c.done && !c.missing && len(c.rest) > 0 && !IsArray(c.val) {
		if !IsDoc(c.val) {
			c.missing = true
			return
		}
		v, ok := Lookup(c.val.Data, c.rest[0])
		c.val, c.rest, c.missing = v, c.rest[1:], !ok
	}
}

func (b *keyBuilder) emit(at []cursor) {
	key := make([]byte, 0, 32*len(at)+16)
	for i, c := range at {
		v := c.val
		if c.missing {
			v = Null()
		}
		if b.fields[i].Desc {
			key = AppendKeyDesc(key, v)
		} else {
			key = AppendKey(key, v)
		}
	}
	b.keys = append(b.keys, key)
}
