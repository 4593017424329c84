package bsonval

import (
	"errors"
	"slices"
)

// IndexField is one field of an index's key.
type IndexField struct {
	Name string
	Path []string
	Desc bool
}

// ErrParallelArrays reports a document in which two fields of one index lie in
// different arrays.
var ErrParallelArrays = errors.New("cannot index parallel arrays")

// IndexKeys returns the keys, without duplicates, under which an index on
// fields keeps doc. Arrays give one key for each element (multi is true then).
// Present is false when doc has none of the fields.
func IndexKeys(doc []byte, fields []IndexField) (keys [][]byte, multi, present bool, err error) {
	b := keyBuilder{fields: fields}
	at := make([]cursor, len(fields))
	for i, f := range fields {
		at[i] = cursor{val: Doc(doc), rest: f.Path}
	}
	if err := b.expand(at); err != nil {
		return nil, false, false, err
	}
	if len(b.keys) > 1 {
		slices.SortFunc(b.keys, compareBytes)
		b.keys = slices.CompactFunc(b.keys, slices.Equal)
	}
	return b.keys, b.multi, b.present, nil
}

// cursor is how far one field's path has been followed.
type cursor struct {
	val     Value
	rest    []string
	missing bool
	done    bool // val is the field's value, even if it is an array
}

type keyBuilder struct {
	fields  []IndexField
	keys    [][]byte
	multi   bool
	present bool
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
		} else {
			b.present = true
		}
		if b.fields[i].Desc {
			key = AppendKeyDesc(key, v)
		} else {
			key = AppendKey(key, v)
		}
	}
	b.keys = append(b.keys, key)
}
