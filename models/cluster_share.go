package models

import (
	"slices"
	"strings"
	"time"
)

// The roles of a user on a cluster. Each includes those before it. The user who
// registered the cluster is its owner.
const (
	ClusterViewer = "viewer" // sees the cluster and its state, tests it, watches
	ClusterEditor = "editor" // deploys
	ClusterAdmin  = "admin"  // sees its shares, deletes it
	ClusterOwner  = "owner"  // changes and shares it
)

// The states of a share. A pending share grants nothing.
const (
	SharePending  = "pending"
	ShareAccepted = "accepted"
)

// ClusterAction is something that a user does with a cluster. No role permits the
// zero value.
type ClusterAction uint8

// The actions.
const (
	ClusterRead    ClusterAction = iota + 1 // see it, its state, and the objects of workflows there
	ClusterProbe                            // test it, read its metadata again
	ClusterDeploy                           // change objects in it: runs, tear-downs, terminals
	ClusterAdopt                            // take over objects in it that others have made
	ClusterMembers                          // see its shares
	ClusterDelete                           // delete its registration
	ClusterManage                           // change it, its credentials and its shares
)

// String completes the sentence "You may not …".
func (a ClusterAction) String() string {
	switch a {
	case ClusterRead:
		return "see it"
	case ClusterProbe:
		return "test it"
	case ClusterDeploy:
		return "deploy to it"
	case ClusterAdopt:
		return "adopt objects in it"
	case ClusterMembers:
		return "see with whom it is shared"
	case ClusterDelete:
		return "delete it"
	case ClusterManage:
		return "change or share it"
	}
	return "do that"
}

// ClusterGrant is what one user may do on one cluster.
type ClusterGrant struct {
	Cluster    Cluster
	UserID     string
	Role       string
	Namespaces []string // the only ones that may be touched; empty means all of the cluster
	ShareID    string   // empty for the owner
	Pods       PodBounds
}

// PodBounds returns what pods may do, with defaults for what the share leaves
// open. The owner's pods have no bounds.
func (g ClusterGrant) PodBounds() PodBounds {
	if g.Owned() {
		return PodBounds{}.withDefaults(nil)
	}
	return g.Pods.withDefaults(g.Namespaces)
}

// SameBounds reports whether g is good for the same namespaces and pods as other.
func (g ClusterGrant) SameBounds(other ClusterGrant) bool {
	a, b := g.PodBounds(), other.PodBounds()
	return slices.Equal(g.Namespaces, other.Namespaces) && a.PodSecurity == b.PodSecurity &&
		slices.Equal(a.ServiceAccounts, b.ServiceAccounts)
}

// May reports whether the role permits a. Covers answers for a namespace.
func (g ClusterGrant) May(a ClusterAction) bool {
	switch a {
	case ClusterRead, ClusterProbe:
		return g.rank() >= 1
	case ClusterDeploy:
		return g.rank() >= 2
	case ClusterAdopt: // where the grant is good
		return g.rank() >= 3
	case ClusterMembers, ClusterDelete: // of the cluster as a whole
		return g.rank() >= 3 && !g.Restricted()
	case ClusterManage:
		return g.rank() >= 4
	}
	return false
}

func (g ClusterGrant) rank() int {
	return 1 + slices.Index([]string{ClusterViewer, ClusterEditor, ClusterAdmin, ClusterOwner}, g.Role)
}

// Owned reports whether the user is the owner of the cluster.
func (g ClusterGrant) Owned() bool { return g.Role == ClusterOwner }

// Restricted reports whether the grant is for certain namespaces only.
func (g ClusterGrant) Restricted() bool { return len(g.Namespaces) > 0 }

// Covers reports whether the grant includes a namespace. The empty name stands
// for objects without a namespace.
func (g ClusterGrant) Covers(namespace string) bool {
	return !g.Restricted() || slices.Contains(g.Namespaces, namespace)
}

// ClusterShare is an offer to another user to use a cluster.
type ClusterShare struct {
	ID          string     `bson:"_id"`
	ClusterID   string     `bson:"cluster_id"`
	ClusterName string     `bson:"cluster_name"` // names never change
	OwnerID     string     `bson:"owner_id"`
	UserID      string     `bson:"user_id"`         // a random id when Email has no account
	Email       string     `bson:"email,omitempty"` // as the owner typed it; empty when they gave an id
	Role        string     `bson:"role"`
	Namespaces  []string   `bson:"namespaces"`
	Status      string     `bson:"status"`
	CreatedAt   time.Time  `bson:"created_at"`
	AcceptedAt  *time.Time `bson:"accepted_at,omitempty"`

	PodBounds `bson:",inline"`
}

// Bounds returns what pods may do, with defaults for what the owner left open.
func (s ClusterShare) Bounds() PodBounds { return s.withDefaults(s.Namespaces) }

// ClusterShareInput is the body of POST /clusters/:name/share. Exactly one of the
// targets is set.
type ClusterShareInput struct {
	TargetUserID string   `json:"targetUserId"`
	TargetEmail  string   `json:"targetEmail"`
	Role         string   `json:"role"`
	Namespaces   []string `json:"namespaces"`

	PodBounds
}

// Person names an account to other people.
type Person struct {
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

// ClusterShareView is a share in answers. The User of a pending offer by e-mail
// has no id, so that it does not show whether the address has an account.
type ClusterShareView struct {
	ID         string     `json:"id"`
	Cluster    string     `json:"cluster"`
	User       Person     `json:"user"`
	Owner      Person     `json:"owner"`
	Role       string     `json:"role"`
	Namespaces []string   `json:"namespaces"`
	Status     string     `json:"status"`
	CreatedAt  time.Time  `json:"createdAt"`
	AcceptedAt *time.Time `json:"acceptedAt,omitempty"`

	PodBounds
}

// ClusterMembership holds the fields that a cluster has only for users it is shared with.
type ClusterMembership struct {
	Shared     bool     `json:"shared"`
	Role       string   `json:"role"`
	Owner      Person   `json:"owner"`
	Namespaces []string `json:"namespaces"` // empty means all
	// Address is unique among the user's clusters, also when several have the
	// same name. It is accepted wherever a name is.
	Address string `json:"address"`

	PodBounds
}

// addressMark separates the name and the id in an address; names never hold it.
const addressMark = "~"

// ClusterAddress returns the unique address of a cluster: "prod~" and its id.
func ClusterAddress(c Cluster) string { return c.Name + addressMark + c.ID }

// SplitClusterAddress returns the name in an address, and the id if it holds one.
func SplitClusterAddress(address string) (name, id string) {
	name, id, _ = strings.Cut(address, addressMark)
	return name, id
}
