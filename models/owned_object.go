package models

// OwnedObject is an object that a workflow has, or may have, in a cluster.
type OwnedObject struct {
	Cluster    string `bson:"cluster"` // the cluster's name
	APIVersion string `bson:"api_version"`
	Kind       string `bson:"kind"`
	Namespace  string `bson:"namespace"`
	Name       string `bson:"name"`

	Applied Applied `bson:"applied,omitempty"` // zero while no run has applied it
}

// Applied is what a run left an object as. As long as an object has this UID and these
// fields, nobody has changed what the run applied.
type Applied struct {
	NodeID  string `bson:"node"`
	Version int    `bson:"version"` // of the workflow, that was applied
	UID     string `bson:"uid"`     // of the object
	Fields  string `bson:"fields"`  // applier.FieldsHash of the object
}

// IsZero reports whether a is the zero value, which is not stored.
func (a Applied) IsZero() bool { return a == Applied{} }

// Without returns o as if no run had applied it. Objects that are the same but for
// that are equal then.
func (o OwnedObject) Without() OwnedObject {
	o.Applied = Applied{}
	return o
}
