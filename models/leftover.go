package models

import (
	"fmt"
	"time"
)

// What a leftover is at the moment.
const (
	LeftoverPresent     = "present"
	LeftoverTerminating = "terminating" // it is being deleted, and something holds it back
	LeftoverGone        = "gone"        // it is not there any more, or not the workflow's
	LeftoverUnknown     = "unknown"     // the cluster does not tell
	LeftoverLost        = "lost"        // the cluster was removed, or is not open to the owner any more
)

// Leftover is an object that a workflow has in a cluster although nothing needs it.
type Leftover struct {
	Cluster    string    `json:"cluster"`
	ClusterRef string    `json:"cluster_ref,omitempty"` // the cluster's id; another one may have the name by now
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Namespace  string    `json:"namespace,omitempty"`
	Name       string    `json:"name"`
	UID        string    `json:"uid,omitempty"`
	Reason     string    `json:"reason"`
	Since      time.Time `json:"since,omitzero"`
	State      string    `json:"state"`
	Message    string    `json:"message,omitempty"` // why the state is what it is
	Size       string    `json:"size,omitempty"`    // of a claim
	Pods       []string  `json:"pods,omitempty"`    // that mount a claim, the first ten
	Adopted    bool      `json:"adopted,omitempty"` // it was there before the workflow
}

// LeftoverName names a leftover. What is empty is not compared.
type LeftoverName struct {
	Cluster    string `json:"cluster"`
	ClusterRef string `json:"cluster_ref"`
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	UID        string `json:"uid"` // the only object that is removed
}

// Names reports whether n names o.
func (n LeftoverName) Names(o OwnedObject) bool {
	same := func(want, is string) bool { return want == "" || want == is }
	return n.Kind == o.Kind && n.Name == o.Name && n.Namespace == o.Namespace &&
		same(n.APIVersion, o.APIVersion) && same(n.Cluster, o.Cluster) && same(n.ClusterRef, o.ClusterRef)
}

// LeftoverRemoval says which leftovers are removed. With Forget they are left in the
// cluster and only struck from the record, as for a cluster that does not come back.
type LeftoverRemoval struct {
	Objects       []LeftoverName `json:"objects"`
	DeleteAdopted bool           `json:"deleteAdopted"` // delete adopted objects, which are released otherwise
	Forget        bool           `json:"forget"`
}

// maxLeftovers is how many leftovers are removed at once.
const maxLeftovers = 500

// Check reports what is wrong with r.
func (r LeftoverRemoval) Check() (p Problems) {
	if n := len(r.Objects); n == 0 || n > maxLeftovers {
		p.Addf("objects", "must name 1 to %d leftovers", maxLeftovers)
		return p
	}
	for i, n := range r.Objects {
		if n.Kind == "" || n.Name == "" {
			p.Addf(fmt.Sprintf("objects[%d]", i), "needs a kind and a name")
		}
	}
	return p
}

// LeftoverResult is what became of leftovers that were to be removed.
type LeftoverResult struct {
	RunID   string         `json:"run_id"`
	Status  string         `json:"status"` // of the run that removes them
	Error   string         `json:"error,omitempty"`
	Objects []ObjectChange `json:"objects"` // so far
}

// Belongings are what a workflow has in clusters, and what tells which of it is needed.
type Belongings struct {
	Name       string        `bson:"name"`
	Status     string        `bson:"status"`
	ClusterID  string        `bson:"cluster_id"`
	ClusterRef string        `bson:"cluster_ref"`
	DeletedAt  *time.Time    `bson:"deleted_at"`
	Objects    []OwnedObject `bson:"inventory"`
}

// Leftovers returns the objects that nothing needs: those that were kept, those in
// former clusters, and all once the workflow was archived or deleted. Their Reason is
// set.
func (b Belongings) Leftovers() (left []OwnedObject) {
	for _, o := range b.Objects {
		switch {
		case !o.Kept.IsZero():
		case b.DeletedAt != nil:
			o.Kept.Reason = "the workflow was deleted"
		case b.Status == WorkflowArchived:
			o.Kept.Reason = "it could not be removed when the workflow was archived"
		case !o.IsIn(b.ClusterID, b.ClusterRef):
			o.Kept.Reason = KeptMoved + "; the next run removes it, if that cluster answers"
		default:
			continue
		}
		left = append(left, o)
	}
	return left
}
