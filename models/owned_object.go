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

// Applied is what a run left an object as. While all of it holds, nothing is to be
// applied, and nobody has changed what the run applied.
type Applied struct {
	NodeID   string `bson:"node"`
	Version  int    `bson:"version"`            // of the workflow, that was applied
	Manifest string `bson:"manifest"`           // hash of what was sent
	UID      string `bson:"uid"`                // of the object
	Fields   string `bson:"fields"`             // applier.FieldsHash of the object
	Revision string `bson:"revision,omitempty"` // of the values of a Secret
}

// IsZero reports whether a is the zero value, which is not stored.
func (a Applied) IsZero() bool { return a == Applied{} }
