package models

import (
	"strconv"
	"time"
)

// The states of a workflow document.
const (
	WorkflowDraft     = "draft"
	WorkflowPublished = "published"
	WorkflowArchived  = "archived"
)

// Position is a place on the canvas, in pixels.
type Position struct {
	X float64 `json:"x" bson:"x"`
	Y float64 `json:"y" bson:"y"`
}

// Node is one box of the drawing. Data is kept as it was sent, except that
// the keys StatusKey and SecretCreatedKey belong to the server.
type Node struct {
	ID       string   `json:"id" bson:"id"`
	Type     string   `json:"type" bson:"type"`
	Position Position `json:"position" bson:"position"`
	Data     Data     `json:"data" bson:"data"`
}

// The keys of Node.Data that only the server writes.
const (
	StatusKey        = "_status"
	SecretCreatedKey = "_secretCreated"
)

// Edge joins two nodes. An empty handle is absent.
type Edge struct {
	ID           string `json:"id" bson:"id"`
	Source       string `json:"source" bson:"source"`
	Target       string `json:"target" bson:"target"`
	SourceHandle string `json:"sourceHandle,omitempty" bson:"sourceHandle,omitempty"`
	TargetHandle string `json:"targetHandle,omitempty" bson:"targetHandle,omitempty"`
	Type         string `json:"type,omitempty" bson:"type,omitempty"`
}

// Graph is a drawing.
type Graph struct {
	Nodes []Node `json:"nodes" bson:"nodes"`
	Edges []Edge `json:"edges" bson:"edges"`
}

// Workflow is a drawn application and its counters.
type Workflow struct {
	ID             string     `json:"id" bson:"_id"`
	Name           string     `json:"name" bson:"name"`
	Description    string     `json:"description" bson:"description"`
	ClusterID      string     `json:"cluster_id" bson:"cluster_id"` // the cluster's name
	Status         string     `json:"status" bson:"status"`
	Tags           []string   `json:"tags" bson:"tags"`
	Nodes          []Node     `json:"nodes" bson:"nodes"`
	Edges          []Edge     `json:"edges" bson:"edges"`
	CurrentVersion int        `json:"current_version" bson:"current_version"` // newest stored version, 1 while there is none
	OwnerID        string     `json:"owner_id" bson:"owner_id"`
	TeamID         string     `json:"team_id" bson:"team_id"`
	CreatedAt      time.Time  `json:"created_at" bson:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at" bson:"updated_at"`
	DeletedAt      *time.Time `json:"deleted_at,omitempty" bson:"deleted_at,omitempty"`
	LastRunAt      *time.Time `json:"last_run_at,omitempty" bson:"last_run_at,omitempty"`
	RunCount       int        `json:"run_count" bson:"run_count"`
	SuccessCount   int        `json:"success_count" bson:"success_count"`
	FailureCount   int        `json:"failure_count" bson:"failure_count"`

	ClusterRef string     `json:"-" bson:"cluster_ref,omitempty"` // id of the cluster of its last run
	WatchFence WatchFence `json:"-" bson:"watch_fence,omitempty"` // whose statuses are stored

	VersionSeq int   `json:"-" bson:"version_seq"` // stored versions so far
	Revision   int64 `json:"-" bson:"revision"`    // grows with every edit by people; the ETag
	StatusRev  int64 `json:"-" bson:"status_rev"`  // grows with every write of a node's status
	Seq        int64 `json:"-" bson:"seq"`         // grows with every write of a field that answers show
}

// WatchFence says which server stores the statuses of a workflow: the one that was
// given its cluster with this number. A server that is given a cluster later has a
// greater one. The zero value stands for the only server of a database.
type WatchFence struct {
	ClusterID string `bson:"cluster"`
	Fence     int64  `bson:"fence"`
}

// IsZero reports whether f is the zero value, which is not stored.
func (f WatchFence) IsZero() bool { return f == WatchFence{} }

// WatchWish says that a server wants the statuses of a workflow to be kept up to
// date, by whichever server watches its cluster.
type WatchWish struct {
	WorkflowID string    `bson:"_id"`
	ClusterID  string    `bson:"cluster"`
	Until      time.Time `bson:"until"`
}

// ETag returns the entity tag of a revision.
func ETag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// Graph returns the drawing.
func (w Workflow) Graph() Graph { return Graph{Nodes: w.Nodes, Edges: w.Edges} }

// WorkflowHead holds the fields of a Workflow that show whether a cached copy is
// current.
type WorkflowHead struct {
	Status   string `bson:"status"`
	Revision int64  `bson:"revision"`
	Seq      int64  `bson:"seq"`
}

// WorkflowDocument is a Workflow as JSON. Body must not be changed.
type WorkflowDocument struct {
	Body     []byte
	Revision int64
}

// WorkflowSummary is a Workflow in a list. Clients count the entries of Nodes, so
// it holds an empty object for each node, and lists read no graphs.
type WorkflowSummary struct {
	ID             string     `json:"id" bson:"_id"`
	Name           string     `json:"name" bson:"name"`
	Description    string     `json:"description" bson:"description"`
	ClusterID      string     `json:"cluster_id" bson:"cluster_id"`
	Status         string     `json:"status" bson:"status"`
	Tags           []string   `json:"tags" bson:"tags"`
	NodeCount      int        `json:"node_count" bson:"node_count"`
	Nodes          []struct{} `json:"nodes" bson:"-"` // NodeCount times {}
	Edges          []Edge     `json:"edges" bson:"-"` // always empty
	CurrentVersion int        `json:"current_version" bson:"current_version"`
	OwnerID        string     `json:"owner_id" bson:"owner_id"`
	TeamID         string     `json:"team_id" bson:"team_id"`
	CreatedAt      time.Time  `json:"created_at" bson:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at" bson:"updated_at"`
	LastRunAt      *time.Time `json:"last_run_at,omitempty" bson:"last_run_at,omitempty"`
	RunCount       int        `json:"run_count" bson:"run_count"`
	SuccessCount   int        `json:"success_count" bson:"success_count"`
	FailureCount   int        `json:"failure_count" bson:"failure_count"`
}

// WorkflowInput is the body of POST /workflows.
type WorkflowInput struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	ClusterID   string `json:"cluster_id"`
}

// WorkflowPatch lists the fields that people may change; nil leaves one alone.
type WorkflowPatch struct {
	Name        *string `json:"name"`
	Description *string `json:"description"`
	Status      *string `json:"status"`
	ClusterID   *string `json:"cluster_id"` // the next run goes there, and cleans the former cluster
	Nodes       *[]Node `json:"nodes"`
	Edges       *[]Edge `json:"edges"`

	// DeleteAdopted asks archiving to delete the objects that the workflow had
	// adopted. Without it they are released and stay in the cluster.
	DeleteAdopted bool `json:"deleteAdopted"`

	ClusterRef string `json:"-"` // id of the cluster that ClusterID names
	IfRevision *int64 `json:"-"` // Conflict unless it is the stored revision
}

// Empty reports whether p changes nothing.
func (p WorkflowPatch) Empty() bool {
	return p.Name == nil && p.Description == nil && p.Status == nil && p.ClusterID == nil && p.Nodes == nil && p.Edges == nil
}

// WorkflowClone is the body of POST /workflows/:id/clone. What is empty is as in the
// original.
type WorkflowClone struct {
	Name      string `json:"name"`
	ClusterID string `json:"cluster_id"`
	Namespace string `json:"namespace"` // for all nodes
}

// WorkflowDeletion says how a workflow is deleted.
type WorkflowDeletion struct {
	Permanent     bool // it cannot be restored; also for one that is deleted already
	TearDown      bool // what it has in clusters is removed first, as by archiving it
	DeleteAdopted bool // with TearDown: adopted objects, too
}
