package models

import "time"

// How a workflow deals with changes that others make to its objects.
const (
	DriftShow    = "show"    // they are shown
	DriftCorrect = "correct" // they are shown and undone
	DriftOff     = "off"     // nobody looks for them
)

// DriftSettings are what the owner of a workflow wants to know of drift.
type DriftSettings struct {
	Mode    string              `json:"mode"`
	Ignored map[string][]string `json:"ignored"` // node id to paths of fields; never nil
}

// Drift answers GET /workflows/:id/drift.
type Drift struct {
	DriftSettings

	Drifts    []NodeDrift `json:"drifts"`               // never nil; by node id
	CheckedAt *time.Time  `json:"checked_at,omitempty"` // when the cluster was last compared; absent: never
	Message   string      `json:"message,omitempty"`    // why it could not be compared now
}

// NodeDrift is how the objects of a node differ from what was deployed.
type NodeDrift struct {
	NodeID     string           `json:"node_id"`
	Type       string           `json:"type"`
	Name       string           `json:"name"`
	Drifted    bool             `json:"drifted"` // false: others have only added to the objects
	Objects    []ObjectDiff     `json:"objects"` // that differ
	Truncated  bool             `json:"truncated,omitempty"`
	Since      time.Time        `json:"since"`
	LastSeen   time.Time        `json:"last_seen"` // when it was last compared
	Correction *DriftCorrection `json:"correction,omitempty"`
}

// The states of corrections.
const (
	CorrectionBegun   = "begun"   // a run undoes the change, or has done so a moment ago
	CorrectionStopped = "stopped" // the node was changed again each time
	CorrectionRefused = "refused" // no run can undo it
)

// DriftCorrection is what was done about the drift of a node.
type DriftCorrection struct {
	State   string     `json:"state"`
	Count   int        `json:"count"`             // corrections that count against the limit
	LastAt  *time.Time `json:"last_at,omitempty"` // of the last correction
	Message string     `json:"message,omitempty"` // why there are no more
}

// DriftUpdate is the data of a drift event. Drift is complete and replaces what was
// known of the node; nil: its objects are as they were deployed.
type DriftUpdate struct {
	NodeID string     `json:"node_id"`
	Drift  *NodeDrift `json:"drift"`
}

// DriftRecord is what is stored of the drift of a workflow.
type DriftRecord struct {
	WorkflowID string
	DriftSettings
	Nodes       []NodeDrift            // by node id
	Corrections map[string][]time.Time // node id to the last corrections
	CheckedAt   *time.Time
}

// DriftFindings are the part of a DriftRecord that the server which watches stores.
type DriftFindings struct {
	Nodes       []NodeDrift
	Corrections map[string][]time.Time
	CheckedAt   time.Time
}

// DriftSighting is what a watch tells of the objects that the runs of a workflow have
// applied.
type DriftSighting struct {
	WorkflowID string
	By         WatchFence
	ReadAt     time.Time      // when what was applied was read; tells the sightings before a run from those after it
	Suspects   []DriftSuspect // all others are as they were applied, and nobody added to them
}

// DriftSuspect is an object that is not as a run left it, by its marks. Without a UID it
// is gone.
type DriftSuspect struct {
	Object  OwnedObject
	Unknown bool // its kind cannot be read

	UID, Fields, Others, State string // as they are now; see applier.Marks
}

// DriftPatch lists the settings to change; nil leaves one alone.
type DriftPatch struct {
	Mode    *string              `json:"mode"`
	Ignored *map[string][]string `json:"ignored"` // of all nodes
}
