package models

import (
	"slices"
	"time"
)

// What a run does to an object, as a plan tells.
const (
	PlanCreated    = "created"
	PlanConfigured = "configured"
	PlanReplaced   = "replaced" // deleted and created anew
	PlanUnchanged  = "unchanged"
	PlanSkipped    = "skipped" // nothing is done; the message says why
	PlanRefused    = "refused" // the run cannot do it; the message says why
	PlanDeleted    = "deleted"
	PlanReleased   = "released" // given up, and left in the cluster
	PlanKept       = "kept"     // left the drawing, and stays because its content cannot be restored
)

// RunPlan is what a run of a workflow would do at this moment. Nothing of it has been
// done. It holds no values of Secrets.
type RunPlan struct {
	WorkflowID string    `json:"workflow_id"`
	Cluster    string    `json:"cluster"`
	ETag       string    `json:"etag"` // of the drawing that was planned
	PlannedAt  time.Time `json:"planned_at"`
	// Blocked tells that a run would end before its first write, because of something
	// that is refused.
	Blocked    bool            `json:"blocked"`
	Summary    PlanSummary     `json:"summary"`
	Namespaces []PlanNamespace `json:"namespaces"` // those of the drawing
	Nodes      []NodePlan      `json:"nodes"`      // in the order in which they are applied
	Left       []ObjectDiff    `json:"left"`       // objects of the workflow that the drawing does not hold any more
	Notes      []string        `json:"notes"`      // what else people should know
}

// PlanSummary counts objects by what a run does to them, and warnings.
type PlanSummary struct {
	Created    int `json:"created"`
	Configured int `json:"configured"`
	Replaced   int `json:"replaced"`
	Unchanged  int `json:"unchanged"`
	Deleted    int `json:"deleted"`
	Released   int `json:"released"`
	Kept       int `json:"kept"`
	Skipped    int `json:"skipped"`
	Refused    int `json:"refused"`
	Warnings   int `json:"warnings"`
}

// Count adds an object.
func (s *PlanSummary) Count(action string) {
	switch action {
	case PlanCreated:
		s.Created++
	case PlanConfigured:
		s.Configured++
	case PlanReplaced:
		s.Replaced++
	case PlanUnchanged:
		s.Unchanged++
	case PlanDeleted:
		s.Deleted++
	case PlanReleased:
		s.Released++
	case PlanKept:
		s.Kept++
	case PlanSkipped:
		s.Skipped++
	case PlanRefused:
		s.Refused++
	}
}

// PlanNamespace is what a run does to a namespace: it is created, unchanged or refused.
type PlanNamespace struct {
	Name    string `json:"name"`
	Action  string `json:"action"`
	Message string `json:"message,omitempty"`
}

// NodePlan is what a run does for one node.
type NodePlan struct {
	NodeID   string        `json:"node_id"`
	Type     string        `json:"type"`
	Name     string        `json:"name"`
	Action   string        `json:"action"` // the one of its objects that matters most
	Objects  []ObjectDiff  `json:"objects"`
	Values   *ValuesPlan   `json:"values,omitempty"` // nil when nothing is typed for the node
	Warnings []PlanWarning `json:"warnings"`
}

// planWeights orders the actions of objects by how much they matter for their node.
func planWeights() []string {
	return []string{PlanUnchanged, PlanSkipped, PlanKept, PlanCreated, PlanConfigured, PlanReleased, PlanReplaced, PlanDeleted, PlanRefused}
}

// Add adds an object.
func (n *NodePlan) Add(d ObjectDiff) {
	n.Objects = append(n.Objects, d)
	if slices.Index(planWeights(), d.Action) > slices.Index(planWeights(), n.Action) {
		n.Action = d.Action
	}
}

// ValuesPlan tells which of the values that people type for a node there are, and
// which a run writes. It holds names only.
type ValuesPlan struct {
	Secret   string   `json:"secret"`             // the name of the Secret that holds them
	Typed    []string `json:"typed"`              // the run sets them
	Present  []string `json:"present"`            // typed earlier, and kept
	Missing  []string `json:"missing"`            // nobody has typed them yet
	Removed  []string `json:"removed"`            // the drawing does not list them any more
	Unlisted []string `json:"unlisted,omitempty"` // typed, and not used: the saved drawing does not list them
}

// PlanWarning is something in a node that is likely a mistake, and keeps nothing from
// being run.
type PlanWarning struct {
	Node    string `json:"node"`
	Field   string `json:"field,omitempty"`
	Code    string `json:"code"` // what kind of mistake: "image_latest"
	Message string `json:"message"`
}
