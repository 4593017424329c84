package bsonval

import (
	"encoding/binary"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// The classes in which BSON compares values of different types. The numbers lie
// in index files and cannot change. Only even ones are used, so that class+1 is
// above every key of a class and below the next one; 0 ends a list.
const (
	classUndefined = 0x04 // an empty array's place in an index
	classNull      = 0x06
	classNumber    = 0x08
	classString    = 0x0A
	classObject    = 0x0C
	classArray     = 0x0E
	classBinary    = 0x10
	classObjectID  = 0x12
	classBool      = 0x14
	classDate      = 0x16
)

// class returns 0 for the types that the store does not support.
func class(t bsoncore.Type) byte {
	switch t {
	case bsoncore.TypeUndefined:
		return classUndefined
	case bsoncore.TypeNull:
		return classNull
	case bsoncore.TypeDouble, bsoncore.TypeInt32, bsoncore.TypeInt64:
		return classNumber
	case bsoncore.TypeString:
		return classString
	case bsoncore.TypeEmbeddedDocument:
		return classObject
	case bsoncore.TypeArray:
		return classArray
	case bsoncore.TypeBinary:
		return classBinary
	case bsoncore.TypeObjectID:
		return classObjectID
	case bsoncore.TypeBoolean:
		return classBool
	case bsoncore.TypeDateTime:
		return classDate
	}
	return 0
}

// SameClass reports whether a and b are of types that compare with each other,
// as all numbers do.
func SameClass(a, b bsoncore.Type) bool { return class(a) == class(b) }

// AppendKey appends v's key. The byte order of keys is the order of Compare;
// no key is the beginning of another.
func AppendKey(dst []byte, v Value) []byte {
	return appendBody(append(dst, class(v.Type)), v)
}

// AppendKeyDesc appends v's key for descending order.
func AppendKeyDesc(dst []byte, v Value) []byte {
	start := len(dst)
	dst = AppendKey(dst, v)
	Invert(dst[start:])
	return dst
}

// Invert turns ascending keys into descending ones and back, in place.
func Invert(key []byte) {
	for i := range key {
		key[i] = ^key[i]
	}
}

// Undefined is where an index keeps documents with an empty array.
func Undefined() Value { return Value{Type: bsoncore.TypeUndefined} }

// ClassStart and ClassEnd enclose the keys of all values that compare with
// values of type t.
func ClassStart(t bsoncore.Type) []byte { return []byte{class(t)} }

// ClassEnd is above every key of t's class and below the next class.
func ClassEnd(t bsoncore.Type) []byte { return []byte{class(t) + 1} }

// TextPrefixKey is what the keys of all strings with that prefix begin with.
func TextPrefixKey(prefix string) []byte {
	key := appendText([]byte{classString}, []byte(prefix))
	return key[:len(key)-2]
}

func appendBody(dst []byte, v Value) []byte {
	switch v.Type {
	case bsoncore.TypeDouble, bsoncore.TypeInt32, bsoncore.TypeInt64:
		return appendNumber(dst, v)
	case bsoncore.TypeString:
		return appendText(dst, v.Data[4:len(v.Data)-1])
	case bsoncore.TypeEmbeddedDocument:
		return appendFields(dst, v.Data, true)
	case bsoncore.TypeArray:
		return appendFields(dst, v.Data, false)
	case bsoncore.TypeBinary:
		subtype, data := v.Binary()
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(data)))
		return append(append(dst, subtype), data...)
	case bsoncore.TypeObjectID, bsoncore.TypeBoolean:
		return append(dst, v.Data...)
	case bsoncore.TypeDateTime:
		return binary.BigEndian.AppendUint64(dst, uint64(v.DateTime())^(1<<63))
	}
	return dst
}

// appendText escapes zero bytes, so that the end 0 0 sorts a text before every
// longer one that begins with it.
func appendText(dst, text []byte) []byte {
	for _, b := range text {
		if b == 0 {
			dst = append(dst, 0, 0xFF)
			continue
		}
		dst = append(dst, b)
	}
	return append(dst, 0, 0)
}

// appendFields writes each field as type, name, value, which is the order in
// which BSON compares documents; arrays have no names.
func appendFields(dst, doc []byte, named bool) []byte {
	for key, v := range Fields(doc) {
		dst = append(dst, class(v.Type))
		if named {
			dst = appendText(dst, key)
		}
		dst = appendBody(dst, v)
	}
	return append(dst, 0)
}
