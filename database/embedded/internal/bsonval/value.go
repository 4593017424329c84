// Package bsonval works on raw BSON values: reading, checking, comparing,
// paths, and keys whose byte order is BSON's comparison order.
//
// Functions other than Validate trust their input: what comes from outside is
// checked once, when it arrives.
package bsonval

import (
	"bytes"
	"encoding/binary"
	"iter"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Value is one raw BSON value.
type Value = bsoncore.Value

// Null is the null value.
func Null() Value { return Value{Type: bsoncore.TypeNull} }

// Int32 returns n as a value.
func Int32(n int32) Value {
	return Value{Type: bsoncore.TypeInt32, Data: bsoncore.AppendInt32(nil, n)}
}

// Int64 returns n as a value.
func Int64(n int64) Value {
	return Value{Type: bsoncore.TypeInt64, Data: bsoncore.AppendInt64(nil, n)}
}

// Double returns f as a value.
func Double(f float64) Value {
	return Value{Type: bsoncore.TypeDouble, Data: bsoncore.AppendDouble(nil, f)}
}

// NewObjectID returns a fresh ObjectID as a value.
func NewObjectID() Value {
	id := bson.NewObjectID()
	return Value{Type: bsoncore.TypeObjectID, Data: id[:]}
}

// Doc returns a raw document as a value.
func Doc(doc []byte) Value { return Value{Type: bsoncore.TypeEmbeddedDocument, Data: doc} }

// Array returns the values as an array value.
func Array(vals []Value) Value {
	idx, dst := bsoncore.AppendArrayStart(nil)
	for i, v := range vals {
		dst = bsoncore.AppendValueElement(dst, strconv.Itoa(i), v)
	}
	return Value{Type: bsoncore.TypeArray, Data: End(dst, idx)}
}

// End closes the document or array that was started at idx.
func End(dst []byte, idx int32) []byte {
	dst = append(dst, 0)
	return bsoncore.UpdateLength(dst, idx, int32(len(dst))-idx)
}

// IsDoc reports whether v is a document (and not an array).
func IsDoc(v Value) bool { return v.Type == bsoncore.TypeEmbeddedDocument }

// IsArray reports whether v is an array.
func IsArray(v Value) bool { return v.Type == bsoncore.TypeArray }

// Clone returns v with data of its own.
func Clone(v Value) Value { return Value{Type: v.Type, Data: bytes.Clone(v.Data)} }

// Fields yields the keys and values of a document or array. Both refer to doc.
func Fields(doc []byte) iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		for rem := doc[min(4, len(doc)):]; len(rem) > 1; {
			key, v, rest, ok := next(rem)
			if !ok || !yield(key, v) {
				return
			}
			rem = rest
		}
	}
}

func next(rem []byte) (key []byte, v Value, rest []byte, ok bool) {
	end := bytes.IndexByte(rem[1:], 0)
	if end < 0 {
		return nil, Value{}, nil, false
	}
	key, rest = rem[1:1+end], rem[end+2:]
	t := bsoncore.Type(rem[0])
	size, ok := valueSize(t, rest)
	if !ok {
		v, rest, ok = bsoncore.ReadValue(rest, t)
		return key, v, rest, ok
	}
	if size > len(rest) {
		return nil, Value{}, nil, false
	}
	return key, Value{Type: t, Data: rest[:size]}, rest[size:], true
}

// valueSize returns how many bytes a value of type t takes at the begin of data.
// Much of the time of a scan is spent here, so that it is short: it leaves types
// that are rare to bsoncore.
func valueSize(t bsoncore.Type, data []byte) (size int, ok bool) {
	switch t {
	case bsoncore.TypeDouble, bsoncore.TypeDateTime, bsoncore.TypeInt64:
		return 8, true
	case bsoncore.TypeInt32:
		return 4, true
	case bsoncore.TypeBoolean:
		return 1, true
	case bsoncore.TypeNull:
		return 0, true
	case bsoncore.TypeObjectID:
		return len(bson.ObjectID{}), true
	case bsoncore.TypeString, bsoncore.TypeEmbeddedDocument, bsoncore.TypeArray:
		if len(data) < 4 {
			return 0, false
		}
		size = int(int32(binary.LittleEndian.Uint32(data)))
		if t == bsoncore.TypeString {
			size += 4
		}
		return size, size >= 4
	}
	return 0, false
}

// Lookup returns the value of one field of doc, without any dotted path.
func Lookup(doc []byte, name string) (Value, bool) {
	for rem := doc[min(4, len(doc)):]; len(rem) > 1; {
		key, v, rest, ok := next(rem)
		if !ok {
			return Value{}, false
		}
		if string(key) == name {
			return v, true
		}
		rem = rest
	}
	return Value{}, false
}

// First returns the first field of doc.
func First(doc []byte) (string, Value, bool) {
	for k, v := range Fields(doc) {
		return string(k), v, true
	}
	return "", Value{}, false
}

// Empty reports whether doc has no fields.
func Empty(doc []byte) bool { return len(doc) <= 5 }

// Elements returns the values of an array.
func Elements(arr []byte) []Value {
	var vals []Value
	for _, v := range Fields(arr) {
		vals = append(vals, v)
	}
	return vals
}

// Number returns an int32, int64 or double as a float64.
func Number(v Value) (float64, bool) {
	switch v.Type {
	case bsoncore.TypeInt32:
		return float64(v.Int32()), true
	case bsoncore.TypeInt64:
		return float64(v.Int64()), true
	case bsoncore.TypeDouble:
		return v.Double(), true
	}
	return 0, false
}

// Integer returns a number that is whole as an int64.
func Integer(v Value) (int64, bool) {
	switch v.Type {
	case bsoncore.TypeInt32:
		return int64(v.Int32()), true
	case bsoncore.TypeInt64:
		return v.Int64(), true
	case bsoncore.TypeDouble:
		f := v.Double()
		if f != float64(int64(f)) || f >= 1<<63 || f < -1<<63 {
			return 0, false
		}
		return int64(f), true
	}
	return 0, false
}
