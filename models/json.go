package models

import (
	"encoding/json"
	"errors"
)

func unmarshalString(b []byte, out *string) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil {
		return typeError(err, "must be a string")
	}
	*out = ""
	if s != nil {
		*out = *s
	}
	return nil
}

// typeError returns the error for a value of the wrong type. encoding/json adds
// the name of the field to it. It holds the type of the value and never its text,
// which may be a secret.
func typeError(err error, otherwise string) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &json.UnmarshalTypeError{Value: wrong.Value, Type: wrong.Type}
	}
	return errors.New(otherwise)
}
