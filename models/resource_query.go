package models

// The fields that lists of resources can be sorted by.
const (
	SortResourcesByName      = "name"
	SortResourcesByType      = "type"
	SortResourcesByNamespace = "namespace"
	SortResourcesByCluster   = "cluster"
	SortResourcesByStatus    = "status"
	SortResourcesByCreated   = "created"
)

// ResourceScope is what a user may see: all of some clusters, and some namespaces of
// others. The zero value is nothing.
type ResourceScope struct {
	ClusterIDs []string
	Namespaces []NamespacesOf
}

// NamespacesOf are some namespaces of a cluster.
type NamespacesOf struct {
	ClusterID string
	Names     []string
}

// Empty reports whether there is nothing to see.
func (s ResourceScope) Empty() bool { return len(s.ClusterIDs)+len(s.Namespaces) == 0 }

// ResourceQuery selects resources that are in their clusters. Empty fields select
// everything.
type ResourceQuery struct {
	Scope      ResourceScope
	Namespace  string
	Kind       string
	Search     string // part of the name or the namespace, in any case
	HideSystem bool
	Sort       string // one of the fields; empty sorts the newest first
	Descending bool   // with Sort
	Limit      int
	Offset     int
}

// ResourceWrite is a change to the record of an object.
type ResourceWrite struct {
	Resource Resource // as it is to be stored
	Changes  []ResourceChange
}

// ResourceHash tells a stored state from others.
type ResourceHash struct {
	ID   string `bson:"_id"`
	Hash string `bson:"hash"`
}

// ResourceMark is what a user noted about a resource.
type ResourceMark struct {
	UserID     string   `bson:"user_id"`
	ResourceID string   `bson:"resource_id"`
	ClusterID  string   `bson:"cluster_id"`
	Favorite   bool     `bson:"favorite"`
	Tags       []string `bson:"tags"`
	Notes      string   `bson:"notes"`
}

// ResourceMarkInput is the body of PATCH /resources/:id. Absent fields stay as they are.
type ResourceMarkInput struct {
	Favorite *bool     `json:"isFavorite"`
	Tags     *[]string `json:"userTags"`
	Notes    *string   `json:"userNotes"`
}
