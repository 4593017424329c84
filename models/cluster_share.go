package models

import (
	"slices"
	"strings"
	"time"
)

// The roles that a user can have on a cluster. Each may do what those before it
// may; only who registered the cluster has the last.
const (
	ClusterViewer = "viewer" // sees the cluster and its state, tests it, watches
	ClusterEditor = "editor" // deploys
	ClusterAdmin  = "admin"  // sees with whom it is shared, deletes it
	ClusterOwner  = "owner"  // changes and shares it
)

// The states of a share. One that is pending counts for nothing.
const (
	SharePending  = "pending"
	ShareAccepted = "accepted"
)

// ClusterAction is something that a user does with a cluster. The zero value is
// nothing that anybody may do.
type ClusterAction uint8

// The actions.
const (
	ClusterRead    ClusterAction = iota + 1 // see it, its state, and what workflows have there
	ClusterProbe                            // have it tested or its metadata read again
	ClusterDeploy                           // write into it: runs, tear-downs, terminals
	ClusterMembers                          // see with whom it is shared
	ClusterDelete                           // take it off this server
	ClusterManage                           // change it, its credentials and its shares
)

// String words the action so that "may not …" goes before it.
func (a ClusterAction) String() string {
	switch a {
	case ClusterRead:
		return "see it"
	case ClusterProbe:
		return "test it"
	case ClusterDeploy:
		return "deploy to it"
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
}

// May reports whether the role permits a, whatever the namespace.
func (g ClusterGrant) May(a ClusterAction) bool {
	switch a {
	case ClusterRead, ClusterProbe:
		return g.rank() >= 1
	case ClusterDeploy:
		return g.rank() >= 2
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

// Owned reports whether the user is the one who registered the cluster.
func (g ClusterGrant) Owned() bool { return g.Role == ClusterOwner }

// Restricted reports whether the grant is for certain namespaces only.
func (g ClusterGrant) Restricted() bool { return len(g.Namespaces) > 0 }

// Covers reports whether the grant is good in a namespace. The empty name
// stands for what belongs to no namespace.
func (g ClusterGrant) Covers(namespace string) bool {
	return !g.Restricted() || slices.Contains(g.Namespaces, namespace)
}

// ClusterShare is an offer to another user to use a cluster.
type ClusterShare struct {
	ID          string     `bson:"_id"`
	ClusterID   string     `bson:"cluster_id"`
	ClusterName string     `bson:"cluster_name"` // names never change
	OwnerID     string     `bson:"owner_id"`
	UserID      string     `bson:"user_id"`         // of nobody, when Email is no account's
	Email       string     `bson:"email,omitempty"` // as the owner typed it; empty when they gave an id
	Role        string     `bson:"role"`
	Namespaces  []string   `bson:"namespaces"`
	Status      string     `bson:"status"`
	CreatedAt   time.Time  `bson:"created_at"`
	AcceptedAt  *time.Time `bson:"accepted_at,omitempty"`
}

// ClusterShareInput is the body of POST /clusters/:name/share. One of the
// targets is given.
type ClusterShareInput struct {
	TargetUserID string   `json:"targetUserId"`
	TargetEmail  string   `json:"targetEmail"`
	Role         string   `json:"role"`
	Namespaces   []string `json:"namespaces"`
}

// Person names an account to other people.
type Person struct {
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

// ClusterShareView is a share as those who may see it do. An offer by e-mail
// that nobody has accepted does not tell whether the address has an account:
// its User has no id.
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
}

// ClusterMembership is what a cluster shows besides to those it is shared with.
type ClusterMembership struct {
	Shared     bool     `json:"shared"`
	Role       string   `json:"role"`
	Owner      Person   `json:"owner"`
	Namespaces []string `json:"namespaces"` // empty means all
	// Address names this cluster whatever others the user has of its name. It
	// goes wherever a name does.
	Address string `json:"address"`
}

// addressMark is in no name.
const addressMark = "~"

// ClusterAddress is the unambiguous address of a cluster: "prod~" and its id.
func ClusterAddress(c Cluster) string { return c.Name + addressMark + c.ID }

// SplitClusterAddress returns the name in an address, and the id where it has
// one.
func SplitClusterAddress(address string) (name, id string) {
	name, id, _ = strings.Cut(address, addressMark)
	return name, id
}
