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
	case classString:
		return bytes.Compare(a.Data[4:len(a.Data)-1], b.Data[4:len(b.Data)-1])
	case classObject:
		return compareFields(a.Data, b.Data, true)
	case classArray:
		return compareFields(a.Data, b.Data, false)
	case classObjectID, classBool:
		return bytes.Compare(a.Data, b.Data)
	case classDate:
		return cmp.Compare(a.DateTime(), b.DateTime())
	case classBinary:
		return bytes.Compare(appendBody(nil, a), appendBody(nil, b))
	}
	return 0
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
		if c := bytes.Compare(keyA, keyB); named && c != 0 {
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

// TypeName is the name that MongoDB's error messages use for t.
func TypeName(t bsoncore.Type) string {
	switch t {
	case bsoncore.TypeDouble:
		return "double"
	case bsoncore.TypeEmbeddedDocument:
		return "object"
	case bsoncore.TypeBinary:
		return "binData"
	case bsoncore.TypeObjectID:
		return "objectId"
	case bsoncore.TypeBoolean:
		return "bool"
	case bsoncore.TypeDateTime:
		return "date"
	case bsoncore.TypeInt32:
		return "int"
	case bsoncore.TypeInt64:
		return "long"
	case bsoncore.TypeDecimal128:
		return "decimal"
	case 0:
		return "missing"
	}
	return t.String() // array, string, null, and what Validate refuses
}
