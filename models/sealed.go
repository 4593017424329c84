package models

import "strings"

// SealedField names a field of the stored records that holds encrypted values,
// as "collection/field"; a field in a nested document has a dotted path.
type SealedField string

// The sealed fields. Whoever seals a value names its place by one of them, so
// that a rotation of the key finds it.
const (
	SealedClusterCredentials SealedField = "clusters/credentials" //nolint:gosec // a place; there: ClusterCredentials as JSON
)

// SealedFields returns every sealed field that there is.
func SealedFields() []SealedField {
	return []SealedField{SealedClusterCredentials}
}

// Collection is where the records are.
func (f SealedField) Collection() string {
	collection, _, _ := strings.Cut(string(f), "/")
	return collection
}

// Path is the path of the field in a record.
func (f SealedField) Path() string {
	_, path, _ := strings.Cut(string(f), "/")
	return path
}

// Place is what a value is sealed for: this field of the record with that id
// and nowhere else.
func (f SealedField) Place(id string) string { return f.Collection() + "/" + id + "/" + f.Path() }

// SealedValue is an encrypted value as it is stored.
type SealedValue struct {
	ID     string // of the record
	Sealed []byte // empty where the record has no value
}

// SealedSwap puts New in the place of Old.
type SealedSwap struct {
	ID  string // of the record
	Old []byte
	New []byte
}

// KeyProgress tells how far a rotation is in one field: Done of about Total
// values were looked at. With Unreadable set it tells of one value instead.
type KeyProgress struct {
	Field      SealedField `json:"field"`
	Done       int         `json:"done"`
	Total      int         `json:"total"`
	Unreadable string      `json:"unreadable,omitempty"` // id of a record whose value does not open
	Reason     string      `json:"reason,omitempty"`     // why
}

// KeyRotation is the outcome of a rotation.
type KeyRotation struct {
	Key        string   `json:"key"`        // id of the present key
	Rewritten  int      `json:"rewritten"`  // values sealed again
	Current    int      `json:"current"`    // values that were under the present key at the start
	Unreadable int      `json:"unreadable"` // values that do not open, at the end
	Idle       []string `json:"idle"`       // ids of the other keys that no value needs any more
}
