package models

import "time"

// How a node, or one check of it, is doing.
const (
	DiagnosisHealthy = "healthy" // of a node
	DiagnosisPass    = "pass"    // of a check
	DiagnosisWarning = "warning"
	DiagnosisError   = "error"
)

// The fixes that a service node may be offered.
const (
	FixMetalLBPool = "metallb-pool"
	FixSelector    = "selector-fix"
	FixPort        = "port-fix"
)

// Diagnosis is what was found out about a node. Checks has one entry for each thing
// that was looked at, Findings the details of what is wrong.
type Diagnosis struct {
	OverallStatus string `json:"overallStatus"`
	ServiceName   string `json:"serviceName"` // the name of the node's object, of whatever type it is
	Namespace     string `json:"namespace"`

	Checks    []DiagnosticCheck `json:"checks"`
	Timestamp time.Time         `json:"timestamp"`

	NodeID   string              `json:"nodeId"`
	NodeType string              `json:"nodeType"`
	Findings []DiagnosticFinding `json:"findings"`
	Notes    []string            `json:"notes"` // what could not be read, and what was left out
}

// DiagnosticCheck is the outcome of looking at one thing.
type DiagnosticCheck struct {
	Name        string `json:"name"`
	Status      string `json:"status"`
	Message     string `json:"message"`
	Suggestion  string `json:"suggestion"`
	AutoFixable bool   `json:"autoFixable"`
	FixType     string `json:"fixType,omitempty"`
}

// DiagnosticFinding is something that is wrong in a cluster. Its texts hold no
// credentials.
type DiagnosticFinding struct {
	Check      string      `json:"check"`
	Severity   string      `json:"severity"` // warning or error
	Message    string      `json:"message"`
	Suggestion string      `json:"suggestion"`
	Object     ObjectName  `json:"object"`           // that has the trouble
	Parent     *ObjectName `json:"parent,omitempty"` // that made it
	Evidence   []Evidence  `json:"evidence"`

	AutoFixable bool   `json:"autoFixable"`
	FixType     string `json:"fixType,omitempty"`
}

// ObjectName names an object of a cluster.
type ObjectName struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// The sources of evidence.
const (
	EvidenceEvent  = "event"
	EvidenceLog    = "log"
	EvidenceStatus = "status"
)

// Evidence is what a cluster says that leads to a finding.
type Evidence struct {
	Source string     `json:"source"`
	Text   string     `json:"text"`
	At     *time.Time `json:"at,omitempty"`
}

// FixTemplate is a fix as it is offered: YAML that a person may change in what the
// fix is about, and sends back.
type FixTemplate struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	YAML        string `json:"yaml"`
	ApplyMethod string `json:"applyMethod"`
	FixType     string `json:"fixType"`

	Diff []ObjectDiff `json:"diff"` // what the YAML as it is would change
}

// FixApplyMethod is how frontends call the way in which fixes are applied.
const FixApplyMethod = "kubectl-apply"

// The modes of a fix: as it was offered, or as a person changed it. Both may change
// the same.
const (
	FixAuto   = "auto"
	FixManual = "manual"
)

// FixRequest asks for a fix.
type FixRequest struct {
	FixType string `json:"fixType"`
	YAML    string `json:"yaml"`
	Mode    string `json:"mode"`
	DryRun  bool   `json:"dryRun"` // tell what would change, and change nothing
}

// Check returns what is wrong with r apart from its YAML, and fills in the default mode.
func (r *FixRequest) Check() (p Problems) {
	switch r.FixType {
	case FixSelector, FixPort, FixMetalLBPool:
	case "":
		p.Addf("fixType", "is required")
	default:
		p.Addf("fixType", "must be %s, %s or %s", FixSelector, FixPort, FixMetalLBPool)
	}
	switch r.Mode {
	case FixAuto, FixManual:
	case "":
		r.Mode = FixManual
	default:
		p.Addf("mode", "must be %s or %s", FixAuto, FixManual)
	}
	if r.YAML == "" {
		p.Addf("yaml", "is required")
	}
	return p
}

// FixResult is what a fix, or its undoing, did.
type FixResult struct {
	Success bool         `json:"success"`
	Message string       `json:"message"`
	Result  string       `json:"result"` // what became of each object
	FixType string       `json:"fixType"`
	Mode    string       `json:"mode"`
	DryRun  bool         `json:"dryRun"`
	Diff    []ObjectDiff `json:"diff"`
	// Changed are the keys of the node's data that have another value now; null: none.
	Changed   Data       `json:"changed,omitempty"`
	UndoUntil *time.Time `json:"undoUntil,omitempty"`
}

// FixFailure is what the body of a failed fix holds beside the error.
type FixFailure struct {
	FixType string `json:"fixType"`
	Mode    string `json:"mode"`
}

// FixRecord is what is kept of a fix so that it can be undone.
type FixRecord struct {
	FixType string    `bson:"fix_type"`
	Mode    string    `bson:"mode"`
	Before  []byte    `bson:"before,omitempty"` // JSON of the node's data that was changed
	After   []byte    `bson:"after,omitempty"`
	Made    []string  `bson:"made,omitempty"` // kinds of what was made
	Cluster string    `bson:"cluster"`        // its id
	Until   time.Time `bson:"until"`
}
