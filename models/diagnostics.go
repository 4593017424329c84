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
