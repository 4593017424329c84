package command

import (
	"strings"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// maxNamespace is MongoDB's limit for the length of database.collection.
const maxNamespace = 255

// generic reports whether every command may carry the field. None of them
// changes what a single process that syncs each write has to do.
func generic(name string) bool {
	switch name {
	case "$db", "lsid", "$clusterTime", "$readPreference", "readConcern", "writeConcern", "maxTimeMS", "comment", "apiVersion", "apiStrict",
		"apiDeprecationErrors":
		return true
	}
	return false
}

// options calls set with each option of the command. It refuses those that set
// does not know, so that nothing is asked for in vain.
func (r *request) options(set func(name string, v bsonval.Value) (known bool, err error)) error {
	first := true
	for k, v := range bsonval.Fields(r.Body) {
		if first {
			first = false
			continue
		}
		name := string(k)
		known, err := set(name, v)
		if err != nil {
			return err
		}
		if !known && !generic(name) {
			return mongoerr.New(mongoerr.UnknownField, "BSON field '%s.%s' is an unknown or unsupported field", r.name, name)
		}
	}
	return nil
}

// namespace returns database.collection for a command whose value names the
// collection.
func (r *request) namespace() (string, error) {
	coll, ok := r.arg.StringValueOK()
	if !ok {
		return "", mongoerr.New(mongoerr.InvalidNamespace, "collection name has invalid type %s", bsonval.TypeName(r.arg.Type))
	}
	return namespace(r.Database, coll)
}

func namespace(db, coll string) (string, error) {
	ns := db + "." + coll
	bad := db == "" || strings.ContainsAny(db, "/\\. \"$\x00") || coll == "" || strings.ContainsAny(coll, "$\x00") ||
		strings.HasPrefix(coll, ".") || strings.HasPrefix(coll, "system.") || len(ns) > maxNamespace
	if bad {
		return "", mongoerr.New(mongoerr.InvalidNamespace, "Invalid namespace specified '%s'", ns)
	}
	return ns, nil
}

// document returns v's document; null and missing are an empty one.
func document(name string, v bsonval.Value) ([]byte, error) {
	switch {
	case bsonval.IsDoc(v):
		return v.Data, nil
	case v.Type == 0, v.Type == bsonval.Null().Type:
		return emptyDoc(), nil
	}
	return nil, mongoerr.New(mongoerr.TypeMismatch, "BSON field '%s' is the wrong type '%s', expected type 'object'", name, bsonval.TypeName(v.Type))
}

func emptyDoc() []byte { return []byte{5, 0, 0, 0, 0} }

// count returns v as a number that is not negative.
func count(name string, v bsonval.Value) (int64, error) {
	n, ok := bsonval.Integer(v)
	if !ok {
		return 0, mongoerr.New(mongoerr.TypeMismatch, "BSON field '%s' must be a whole number", name)
	}
	if n < 0 {
		return 0, mongoerr.New(mongoerr.BadValue, "BSON field '%s' must not be negative, found %d", name, n)
	}
	return n, nil
}

// statements returns the documents of a bulk write, which come in the body or
// as a sequence of their own.
func (r *request) statements(name string) ([][]byte, error) {
	var docs [][]byte
	for _, s := range r.Sequences {
		if s.Name != name {
			return nil, mongoerr.New(mongoerr.UnknownField, "sequence '%s' does not belong to %s", s.Name, r.name)
		}
		for _, d := range s.Docs {
			docs = append(docs, d)
		}
	}
	if v, ok := bsonval.Lookup(r.Body, name); ok {
		if !bsonval.IsArray(v) {
			return nil, mongoerr.New(mongoerr.TypeMismatch, "BSON field '%s.%s' must be an array", r.name, name)
		}
		for _, e := range bsonval.Fields(v.Data) {
			if !bsonval.IsDoc(e) {
				return nil, mongoerr.New(mongoerr.TypeMismatch, "BSON field '%s.%s' must hold documents", r.name, name)
			}
			docs = append(docs, e.Data)
		}
	}
	if len(docs) == 0 || len(docs) > maxWriteBatch {
		return nil, mongoerr.New(mongoerr.InvalidLength, "Write batch sizes must be between 1 and %d. Got %d operations.", maxWriteBatch, len(docs))
	}
	return docs, nil
}
