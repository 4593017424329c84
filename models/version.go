package models

import "time"

// Version is a snapshot of a workflow's graph. Numbers are per workflow,
// consecutive and start at 1.
type Version struct {
	ID           string    `json:"id" bson:"_id"`
	WorkflowID   string    `json:"workflow_id" bson:"workflow_id"`
	Number       int       `json:"version" bson:"version"`
	Nodes        []Node    `json:"nodes" bson:"nodes"`
	Edges        []Edge    `json:"edges" bson:"edges"`
	Name         string    `json:"name,omitempty" bson:"name,omitempty"`
	Tag          string    `json:"tag,omitempty" bson:"tag,omitempty"`
	Description  string    `json:"description" bson:"description"`
	CreatedAt    time.Time `json:"created_at" bson:"created_at"`
	CreatedBy    string    `json:"created_by" bson:"created_by"`
	RestoredFrom int       `json:"restored_from,omitempty" bson:"restored_from,omitempty"`
	IsAutomatic  bool      `json:"is_automatic" bson:"is_automatic"`
	RunID        string    `json:"run_id,omitempty" bson:"run_id,omitempty"`
	RunStatus    string    `json:"run_status,omitempty" bson:"run_status,omitempty"`

	Bytes int64 `json:"-" bson:"bytes"` // size of the graph, set by the store
}

// VersionSummary is a Version as lists need it: with one empty object a node, as
// in a WorkflowSummary, and without edges.
type VersionSummary struct {
	ID           string     `json:"id" bson:"_id"`
	WorkflowID   string     `json:"workflow_id" bson:"workflow_id"`
	Number       int        `json:"version" bson:"version"`
	NodeCount    int        `json:"node_count" bson:"node_count"`
	Nodes        []struct{} `json:"nodes" bson:"-"` // NodeCount times {}
	Edges        []Edge     `json:"edges" bson:"-"` // always empty
	Name         string     `json:"name,omitempty" bson:"name,omitempty"`
	Tag          string     `json:"tag,omitempty" bson:"tag,omitempty"`
	Description  string     `json:"description" bson:"description"`
	CreatedAt    time.Time  `json:"created_at" bson:"created_at"`
	CreatedBy    string     `json:"created_by" bson:"created_by"`
	RestoredFrom int        `json:"restored_from,omitempty" bson:"restored_from,omitempty"`
	IsAutomatic  bool       `json:"is_automatic" bson:"is_automatic"`
	RunID        string     `json:"run_id,omitempty" bson:"run_id,omitempty"`
	RunStatus    string     `json:"run_status,omitempty" bson:"run_status,omitempty"`
}

// Graph returns the drawing.
func (v Version) Graph() Graph { return Graph{Nodes: v.Nodes, Edges: v.Edges} }

// VersionNotes are the texts of a version that people edit; nil leaves one alone.
type VersionNotes struct {
	Name        *string `json:"name"`
	Tag         *string `json:"tag"`
	Description *string `json:"description"`
}

// Versions is one page of a workflow's versions, the newest first.
type Versions struct {
	Versions []VersionSummary `json:"versions"` // never nil
	Total    int64            `json:"total"`
	Page     int              `json:"page"`
	Limit    int              `json:"limit"`
}
