package models

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// The states of resources. Pages know no others.
const (
	ResourceRunning   = "running"
	ResourcePending   = "pending"
	ResourceFailed    = "failed"
	ResourceCompleted = "completed"
	ResourceWarning   = "warning"
	ResourceUnknown   = "unknown"
	ResourceDeleted   = "deleted"
)

// ResourceRef names an object of a cluster.
type ResourceRef struct {
	ClusterID string `bson:"cluster_id"`
	Group     string `bson:"group"` // of its API; empty for the core group
	Kind      string `bson:"kind"`
	Namespace string `bson:"namespace"` // empty for objects of the whole cluster
	Name      string `bson:"name"`
}

// ID returns the id of the object's record. It is the same whenever an object of that
// name is there, so that one that is deleted and made again keeps its history.
func (r ResourceRef) ID() string {
	const bytes = 12 // as in other ids
	sum := sha256.Sum256([]byte(strings.Join([]string{r.ClusterID, r.Group, r.Kind, r.Namespace, r.Name}, "/")))
	return hex.EncodeToString(sum[:bytes])
}

// OwnerReference names the object that another one belongs to.
type OwnerReference struct {
	APIVersion string `bson:"api_version" json:"apiVersion"`
	Kind       string `bson:"kind"        json:"kind"`
	Name       string `bson:"name"        json:"name"`
	UID        string `bson:"uid"         json:"uid"`
	Controller bool   `bson:"controller"  json:"controller"`
}

// ResourceState is what is kept of an object as its cluster tells it. It holds
// neither values of Secrets and ConfigMaps nor annotations that repeat the object.
type ResourceState struct {
	UID             string            `bson:"uid"`
	ResourceVersion string            `bson:"resource_version"`
	Status          string            `bson:"status"`  // one of the states
	Message         string            `bson:"message"` // why, where that is known
	Labels          map[string]string `bson:"labels,omitempty"`
	Annotations     map[string]string `bson:"annotations,omitempty"`
	Owners          []OwnerReference  `bson:"owners,omitempty"`
	// Parent is the kind and name of the object that made this one, as in
	// "Deployment/web". ReplicaSets stand back behind their Deployments.
	Parent string `bson:"parent,omitempty"`
	// Spec holds what pages show, by the names of the wire contract. Its values are
	// those of encoding/json.
	Spec      map[string]any `bson:"spec,omitempty"`
	CreatedAt time.Time      `bson:"created_at"` // by the cluster's clock
}

// Resource is the record of an object in the inventory of a cluster.
type Resource struct {
	ID            string `bson:"_id"`
	ResourceRef   `bson:",inline"`
	ResourceState `bson:"state"`
	ClusterName   string `bson:"cluster_name"`
	// System marks what belongs to the cluster itself, which lists may leave out.
	System bool `bson:"system"`
	// Hash is of ResourceState without its ResourceVersion, to tell changes by.
	Hash string `bson:"hash"`

	FirstSeenAt time.Time  `bson:"first_seen_at"`
	LastSeenAt  time.Time  `bson:"last_seen_at"` // when it changed last
	Deleted     bool       `bson:"deleted"`      // from its cluster
	DeletedAt   *time.Time `bson:"deleted_at,omitempty"`
}

// Live returns the state of an object that is in its cluster, and nil for a deleted one.
func (r *Resource) Live() *ResourceState {
	if r.Deleted {
		return nil
	}
	return &r.ResourceState
}

// The actions in the history of a resource.
const (
	ResourceCreated          = "created"
	ResourceStatusChanged    = "status_changed"
	ResourceScaled           = "scaled"
	ResourceImageChanged     = "image_changed"
	ResourceLabelsChanged    = "labels_changed"
	ResourceContainerRestart = "container_restarted"
	ResourceUpdated          = "updated"
	ResourceWasDeleted       = "deleted"
)

// ResourceChange is one entry in the history of a resource.
type ResourceChange struct {
	Action string `bson:"action"`
	// Changes maps fields to what happened to them: {"old", "new"}, or for labels and
	// annotations {"added", "removed", "changed"}. Its values are objects, since pages
	// fail on scalars.
	Changes   map[string]any `bson:"changes,omitempty"`
	OldStatus string         `bson:"old_status,omitempty"`
	NewStatus string         `bson:"new_status,omitempty"`
	Message   string         `bson:"message,omitempty"`
	At        time.Time      `bson:"at"`
}

// ResourceStream returns the key of the stream of a resource's states.
func ResourceStream(resourceID string) string { return "resource:" + resourceID }

// EventStatusUpdate is the name of the events of a ResourceStream.
const EventStatusUpdate = "status_update"
