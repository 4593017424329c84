package models

import (
	"encoding/json"
	"errors"
)

func unmarshalString(b []byte, out *string) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil {
		return misfit(err, "must be a string")
	}
	*out = ""
	if s != nil {
		*out = *s
	}
	return nil
}

// misfit returns what to say about a value of the wrong type: an error to
// which encoding/json adds the name of the field, and that holds the value's
// type and never its text, which may be a secret.
func misfit(err error, otherwise string) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &json.UnmarshalTypeError{Value: wrong.Value, Type: wrong.Type}
	}
	return errors.New(otherwise)
}
