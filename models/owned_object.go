package models

import "time"

// OwnedObject is an object that a workflow has, or may have, in a cluster.
type OwnedObject struct {
	Cluster    string `bson:"cluster"`               // the cluster's name, as the workflow gave it
	ClusterRef string `bson:"cluster_ref,omitempty"` // the cluster's id
	APIVersion string `bson:"api_version"`
	Kind       string `bson:"kind"`
	Namespace  string `bson:"namespace"`
	Name       string `bson:"name"`

	Applied Applied `bson:"applied,omitempty"` // zero while no run has applied it
	Kept    Kept    `bson:"kept,omitempty"`    // zero while the drawing holds it
}

// IsIn reports whether o is in a cluster. A name alone is not enough where the id is
// known: another cluster may have had the name when the object was made.
func (o OwnedObject) IsIn(cluster, ref string) bool {
	if o.ClusterRef != "" && ref != "" {
		return o.ClusterRef == ref
	}
	return o.Cluster == cluster
}

// Why an object is kept that the drawing does not hold any more.
const (
	KeptLeft     = "it left the drawing"
	KeptMoved    = "the workflow moved to another cluster"
	KeptArchived = "the workflow was archived"
	KeptOutside  = "it is outside the namespaces in which the cluster is shared with the owner of the workflow"
)

// Kept says of an object with content that cannot be restored that it stays in the
// cluster although nothing needs it, until somebody removes it on purpose.
type Kept struct {
	Reason string    `bson:"reason"`
	Since  time.Time `bson:"since"`
	UID    string    `bson:"uid,omitempty"` // of the object; empty when it could not be read
}

// IsZero reports whether k is the zero value, which is not stored.
func (k Kept) IsZero() bool { return k == Kept{} }

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
