package models

import (
	"encoding/json"
	"errors"
)

func unmarshalString(b []byte, out *string) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("must be a string") // never the text itself: it may be a secret
	}
	*out = ""
	if s != nil {
		*out = *s
	}
	return nil
}
