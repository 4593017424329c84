package models

import "time"

// The states of a run.
const (
	RunRunning   = "running"
	RunCompleted = "completed"
	RunFailed    = "failed"
	RunCancelled = "cancelled"
)

// The states of a node within a run.
const (
	NodePending   = "pending"
	NodeRunning   = "running"
	NodeCompleted = "completed"
	NodeFailed    = "failed"
	NodeSkipped   = "skipped"
)

// NodeState is what a run did for one node.
type NodeState struct {
	Status    string     `json:"status" bson:"status"`
	Result    any        `json:"result,omitempty" bson:"result,omitempty"` // []ObjectChange
	Error     string     `json:"error,omitempty" bson:"error,omitempty"`
	Timestamp *time.Time `json:"timestamp,omitempty" bson:"timestamp,omitempty"`
	Message   string     `json:"message,omitempty" bson:"message,omitempty"`
}

// ObjectChange is what a run did to one object of the cluster.
type ObjectChange struct {
	APIVersion string `json:"apiVersion" bson:"api_version"`
	Kind       string `json:"kind" bson:"kind"`
	Namespace  string `json:"namespace,omitempty" bson:"namespace,omitempty"`
	Name       string `json:"name" bson:"name"`
	Action     string `json:"action" bson:"action"` // created, configured, unchanged, deleted, skipped, failed
	Message    string `json:"message,omitempty" bson:"message,omitempty"`
}

// Run is one execution of a workflow. Values typed at run time are never part of it.
type Run struct {
	ID          string               `json:"id" bson:"_id"`
	WorkflowID  string               `json:"workflow_id" bson:"workflow_id"`
	Version     int                  `json:"version" bson:"version"`
	Status      string               `json:"status" bson:"status"`
	StartedAt   time.Time            `json:"started_at" bson:"started_at"`
	CompletedAt *time.Time           `json:"completed_at,omitempty" bson:"completed_at,omitempty"`
	Duration    int64                `json:"duration" bson:"duration"` // milliseconds
	NodeStates  map[string]NodeState `json:"node_states" bson:"-"`     // stored as a list: node ids may hold dots
	Output      map[string]any       `json:"output" bson:"-"`
	Logs        []string             `json:"logs" bson:"logs"` // "[15:04:05] text"
	Error       string               `json:"error,omitempty" bson:"error,omitempty"`
	TriggeredBy string               `json:"triggered_by" bson:"triggered_by"`
	TriggerData map[string]any       `json:"trigger_data" bson:"trigger_data"` // who, never values
}

// TriggerData holds values typed for one run: node id, then key or variable
// name, then value. It exists in memory and in the cluster only.
type TriggerData struct {
	Secrets map[string]map[string]Secret `json:"secrets"`
	EnvVars map[string]map[string]Secret `json:"envVars"`
}
