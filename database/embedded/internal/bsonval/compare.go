package bsonval

import (
	"bytes"
	"cmp"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Compare orders values as MongoDB sorts them: by type class first, numbers of
// all types by value, documents field by field.
func Compare(a, b Value) int {
	ca, cb := class(a.Type), class(b.Type)
	if ca != cb {
		return cmp.Compare(ca, cb)
	}
	switch ca {
	case classNumber:
		return compareNumbers(a, b)
	case classString, classCode:
		return compareBytes(a.Data[4:len(a.Data)-1], b.Data[4:len(b.Data)-1])
	case classObject:
		return compareFields(a.Data, b.Data, true)
	case classArray:
		return compareFields(a.Data, b.Data, false)
	case classObjectID, classBool:
		return compareBytes(a.Data, b.Data)
	case classDate:
		return cmp.Compare(a.DateTime(), b.DateTime())
	case classMinKey, classUndefined, classNull, classMaxKey:
		return 0
	}
	return compareBytes(appendBody(nil, a), appendBody(nil, b))
}

// Equal reports whether MongoDB takes a and b for the same value.
func Equal(a, b Value) bool { return Compare(a, b) == 0 }

func compareFields(a, b []byte, named bool) int {
	a, b = a[4:], b[4:]
	for {
		endA, endB := len(a) <= 1, len(b) <= 1
		if endA || endB {
			return cmp.Compare(boolInt(endB), boolInt(endA))
		}
		keyA, va, restA, okA := next(a)
		keyB, vb, restB, okB := next(b)
		if !okA || !okB {
			return cmp.Compare(boolInt(okA), boolInt(okB))
		}
		if c := cmp.Compare(class(va.Type), class(vb.Type)); c != 0 {
			return c
		}
		if c := compareBytes(keyA, keyB); named && c != 0 {
			return c
		}
		if c := Compare(va, vb); c != 0 {
			return c
		}
		a, b = restA, restB
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compareBytes(a, b []byte) int { return bytes.Compare(a, b) }

func compareOrdered[T cmp.Ordered](a, b T) int { return cmp.Compare(a, b) }

// TypeName is the name that $type and error messages use for t.
func TypeName(t bsoncore.Type) string {
	for name, typ := range TypeNames() {
		if typ == t {
			return name
		}
	}
	return "missing"
}

// TypeNames maps the aliases of $type to types.
func TypeNames() map[string]bsoncore.Type {
	return map[string]bsoncore.Type{
		"double": bsoncore.TypeDouble, "string": bsoncore.TypeString, "object": bsoncore.TypeEmbeddedDocument,
		"array": bsoncore.TypeArray, "binData": bsoncore.TypeBinary, "undefined": bsoncore.TypeUndefined,
		"objectId": bsoncore.TypeObjectID, "bool": bsoncore.TypeBoolean, "date": bsoncore.TypeDateTime,
		"null": bsoncore.TypeNull, "regex": bsoncore.TypeRegex, "dbPointer": bsoncore.TypeDBPointer,
		"javascript": bsoncore.TypeJavaScript, "symbol": bsoncore.TypeSymbol,
		"javascriptWithScope": bsoncore.TypeCodeWithScope, "int": bsoncore.TypeInt32,
		"timestamp": bsoncore.TypeTimestamp, "long": bsoncore.TypeInt64, "decimal": bsoncore.TypeDecimal128,
		"minKey": bsoncore.TypeMinKey, "maxKey": bsoncore.TypeMaxKey,
	}
}
