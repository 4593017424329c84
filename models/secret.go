package models

// Secret is a value that must not be printed: its String, %#v and JSON forms
// are a mask. Only Reveal returns the value.
type Secret struct{ v string }

// NewSecret wraps v.
func NewSecret(v string) Secret { return Secret{v} }

// Reveal returns the value itself.
func (s Secret) Reveal() string { return s.v }

// Empty reports whether there is no value.
func (s Secret) Empty() bool { return s.v == "" }

// String returns the mask.
func (Secret) String() string { return "[secret]" }

// GoString returns the mask.
func (Secret) GoString() string { return "[secret]" }

// MarshalJSON writes the mask.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"[secret]"`), nil }

// UnmarshalJSON reads a JSON string; null is the empty value.
func (s *Secret) UnmarshalJSON(b []byte) error { return unmarshalString(b, &s.v) }
