package command

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// maxNamespace is MongoDB's limit for the length of database.collection.
const maxNamespace = 255

// generic reads the fields that every command may carry. None of them changes
// what a single process that syncs each write has to do.
func generic(name string, v bsonval.Value) (known bool, err error) {
	switch name {
	case "$db", "$readPreference", "maxTimeMS", "comment", "writeConcern":
		return true, nil
	case "readConcern":
		doc, err := document(name, v)
		if err != nil {
			return true, err
		}
		return true, eachField(name, doc, func(field string, v bsonval.Value) (bool, error) {
			level, _ := v.StringValueOK()
			return field == "level" && slices.Contains([]string{"local", "available", "majority"}, level), nil
		})
	}
	return false, nil
}

// eachField calls set with each field of a part of a command, which path names.
// Fields that come twice and those that set does not know are refused, so that
// no part of a request is ignored.
func eachField(path string, doc []byte, set func(name string, v bsonval.Value) (known bool, err error)) error {
	var seen []string
	for k, v := range bsonval.Fields(doc) {
		name := string(k)
		if slices.Contains(seen, name) {
			return mongoerr.New(mongoerr.DuplicateField, "BSON field '%s.%s' is a duplicate field", path, name)
		}
		seen = append(seen, name)
		known, err := set(name, v)
		if err != nil {
			return err
		}
		if !known {
			return mongoerr.New(mongoerr.UnknownField, "BSON field '%s.%s' is an unknown or unsupported field", path, name)
		}
	}
	return nil
}

// options is eachField for the command itself, without what every command may
// have.
func (r *request) options(set func(name string, v bsonval.Value) (known bool, err error)) error {
	return eachField(r.name, r.Body, func(name string, v bsonval.Value) (bool, error) {
		if name == r.name {
			return true, nil
		}
		known, err := set(name, v)
		if known || err != nil {
			return known, err
		}
		return generic(name, v)
	})
}

// noOptions is for commands that have none.
func noOptions(string, bsonval.Value) (bool, error) { return false, nil }

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
	case v.Type == 0, v.Type == bsoncore.TypeNull:
		return emptyDoc(), nil
	}
	return nil, wrongType(name, v, "object")
}

func emptyDoc() []byte { return []byte{5, 0, 0, 0, 0} }

func wrongType(name string, v bsonval.Value, want string) error {
	return mongoerr.New(mongoerr.TypeMismatch, "BSON field '%s' is the wrong type '%s', expected type '%s'", name, bsonval.TypeName(v.Type), want)
}

func missing(name string) error {
	return mongoerr.New(mongoerr.MissingField, "BSON field '%s' is missing but a required field", name)
}

func boolean(name string, v bsonval.Value) (bool, error) {
	on, ok := v.BooleanOK()
	if !ok {
		return false, wrongType(name, v, "bool")
	}
	return on, nil
}

// count returns v as a number that is not negative.
func count(name string, v bsonval.Value) (int64, error) {
	n, ok := bsonval.Integer(v)
	if !ok {
		return 0, wrongType(name, v, "long")
	}
	if n < 0 {
		return 0, mongoerr.New(mongoerr.NegativeNumber, "BSON field '%s' value must be >= 0, actual value '%d'", name, n)
	}
	return n, nil
}

// statements returns the documents of a bulk write, which come in the body or
// as a sequence of their own.
func (r *request) statements(name string) ([][]byte, error) {
	var docs [][]byte
	v, inBody := bsonval.Lookup(r.Body, name)
	if inBody && !bsonval.IsArray(v) {
		return nil, wrongType(r.name+"."+name, v, "array")
	}
	for _, e := range bsonval.Fields(v.Data) {
		if !bsonval.IsDoc(e) {
			return nil, wrongType(r.name+"."+name, e, "object")
		}
		docs = append(docs, e.Data)
	}
	for i, s := range r.Sequences {
		switch {
		case s.Name != name:
			return nil, mongoerr.New(mongoerr.UnknownField, "sequence '%s' does not belong to %s", s.Name, r.name)
		case i > 0 || inBody:
			return nil, mongoerr.New(mongoerr.DuplicateField, "BSON field '%s.%s' is a duplicate field", r.name, name)
		}
		for _, d := range s.Docs {
			docs = append(docs, d)
		}
	}
	if !inBody && len(r.Sequences) == 0 {
		return nil, missing(r.name + "." + name)
	}
	if len(docs) == 0 || len(docs) > maxWriteBatch {
		return nil, mongoerr.New(mongoerr.InvalidLength, "Write batch sizes must be between 1 and %d. Got %d operations.", maxWriteBatch, len(docs))
	}
	return docs, nil
}
