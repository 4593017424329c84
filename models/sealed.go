package models

import "strings"

// SealedField names a field of the stored records that holds encrypted values,
// as "collection/field"; a field in a nested document has a dotted path.
type SealedField string

// The sealed fields. Every sealed value belongs to one of them, so that a key
// rotation finds it.
const (
	SealedClusterCredentials SealedField = "clusters/credentials" //nolint:gosec // names the field, which holds ClusterCredentials as JSON
)

// SealedFields returns every sealed field.
func SealedFields() []SealedField {
	return []SealedField{SealedClusterCredentials}
}

// Collection is the collection of the records.
func (f SealedField) Collection() string {
	collection, _, _ := strings.Cut(string(f), "/")
	return collection
}

// Path is the path of the field in a record.
func (f SealedField) Path() string {
	_, path, _ := strings.Cut(string(f), "/")
	return path
}

// Place identifies the field in the record with that id. A value is sealed for one
// place and opens only there.
func (f SealedField) Place(id string) string { return f.Collection() + "/" + id + "/" + f.Path() }

// SealedValue is an encrypted value as it is stored.
type SealedValue struct {
	ID     string // of the record
	Sealed []byte // empty when the record has no value
}

// SealedSwap replaces Old by New.
type SealedSwap struct {
	ID  string // of the record
	Old []byte
	New []byte
}

// KeyProgress reports how far a rotation is in one field: Done of about Total
// values. With Unreadable set it reports one value that cannot be decrypted.
type KeyProgress struct {
	Field      SealedField `json:"field"`
	Done       int         `json:"done"`
	Total      int         `json:"total"`
	Unreadable string      `json:"unreadable,omitempty"` // id of the record
	Reason     string      `json:"reason,omitempty"`     // why
}

// KeyRotation is the outcome of a rotation.
type KeyRotation struct {
	Key        string   `json:"key"`        // id of the current key
	Rewritten  int      `json:"rewritten"`  // values sealed again
	Current    int      `json:"current"`    // values that had the current key before
	Unreadable int      `json:"unreadable"` // values that cannot be decrypted
	Idle       []string `json:"idle"`       // ids of the other keys that no value needs
}
