package bsonval

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// MaxDepth is how deep documents and arrays may be nested.
const MaxDepth = 180

// ErrDepth reports a document that is nested deeper than MaxDepth.
var ErrDepth = errors.New("document is nested too deeply")

var errLength = errors.New("document has a wrong length")

// UnsupportedTypeError reports a well-formed value of a type that the store does
// not support.
type UnsupportedTypeError struct {
	Field string
	Type  bsoncore.Type
}

func (e *UnsupportedTypeError) Error() string {
	return fmt.Sprintf("the field '%s' holds a %s, which is not supported", e.Field, TypeName(e.Type))
}

// Validate checks that doc is one well-formed document and nothing else, and
// then that it holds only types that the store supports. It allocates nothing
// for a valid one, however large the lengths in doc claim to be.
func Validate(doc []byte) error {
	var unsupported *UnsupportedTypeError
	if err := validate(doc, 1, &unsupported); err != nil {
		return err
	}
	if unsupported != nil {
		return unsupported
	}
	return nil
}

func validate(doc []byte, depth int, unsupported **UnsupportedTypeError) error {
	if depth > MaxDepth {
		return ErrDepth
	}
	if len(doc) < 5 || int64(binary.LittleEndian.Uint32(doc)) != int64(len(doc)) || doc[len(doc)-1] != 0 {
		return errLength
	}
	rem := doc[4 : len(doc)-1]
	for len(rem) > 0 {
		end := bytes.IndexByte(rem[1:], 0)
		if end < 0 {
			return errors.New("field name has no end")
		}
		typ, key := bsoncore.Type(rem[0]), rem[1:1+end]
		v, rest, ok := bsoncore.ReadValue(rem[end+2:], typ)
		if !ok {
			return fmt.Errorf("field %q holds no valid value", key)
		}
		if class(typ) == 0 || typ == bsoncore.TypeUndefined {
			*unsupported = &UnsupportedTypeError{Field: string(key), Type: typ}
		} else if err := validateValue(v, depth, unsupported); err != nil {
			return fmt.Errorf("field %q: %w", key, err)
		}
		rem = rest
	}
	return nil
}

func validateValue(v Value, depth int, unsupported **UnsupportedTypeError) error {
	switch v.Type {
	case bsoncore.TypeEmbeddedDocument, bsoncore.TypeArray:
		return validate(v.Data, depth+1, unsupported)
	case bsoncore.TypeString:
		if len(v.Data) < 5 || v.Data[len(v.Data)-1] != 0 {
			return errors.New("string has no end")
		}
		if int64(binary.LittleEndian.Uint32(v.Data)) != int64(len(v.Data)-4) {
			return errors.New("string has a wrong length")
		}
	case bsoncore.TypeBinary:
		if _, _, ok := v.BinaryOK(); !ok {
			return errors.New("binary has a wrong length")
		}
	case bsoncore.TypeBoolean:
		if v.Data[0] > 1 {
			return errors.New("boolean is neither true nor false")
		}
	}
	return nil
}

// Depth is how many documents and arrays lie inside each other in v: 0 for a
// scalar.
func Depth(v Value) int {
	if !IsDoc(v) && !IsArray(v) {
		return 0
	}
	deepest := 0
	for _, inner := range Fields(v.Data) {
		deepest = max(deepest, Depth(inner))
	}
	return deepest + 1
}
