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

// The actions of runs.
const (
	RunDeploy   = "deploy"
	RunTearDown = "teardown"
	RunCleanUp  = "cleanup" // removes leftovers that somebody named
	RunCorrect  = "correct" // applies some nodes again, as they were applied last
)

// The phases of a run that is running. A server that takes a run over goes on in
// its phase.
const (
	PhaseApply    = ""         // the version of the run is applied
	PhaseWait     = "wait"     // it was applied; its nodes become healthy
	PhaseRollback = "rollback" // it failed; the version RolledBackTo is applied
)

// Who or what started a run.
const (
	TriggeredManually   = "manual"
	TriggeredByStatus   = "archive"
	TriggeredByCleanUp  = "leftovers"
	TriggeredByRollback = "rollback"
	TriggeredByDrift    = "drift"
)

// NodeState is what a run did for one node.
type NodeState struct {
	Status    string         `json:"status" bson:"status"`
	Result    []ObjectChange `json:"result,omitempty" bson:"result,omitempty"`
	Error     string         `json:"error,omitempty" bson:"error,omitempty"`
	Timestamp *time.Time     `json:"timestamp,omitempty" bson:"timestamp,omitempty"`
	Message   string         `json:"message,omitempty" bson:"message,omitempty"`
}

// ObjectChange is what a run did to one object of the cluster.
type ObjectChange struct {
	APIVersion string `json:"apiVersion" bson:"api_version"`
	Kind       string `json:"kind" bson:"kind"`
	Namespace  string `json:"namespace,omitempty" bson:"namespace,omitempty"`
	Name       string `json:"name" bson:"name"`
	Action     string `json:"action" bson:"action"` // created, configured, unchanged, deleted, released, forgotten, skipped, failed
	Message    string `json:"message,omitempty" bson:"message,omitempty"`
}

// Run is one execution of a workflow. Values typed at run time are never part of it.
type Run struct {
	ID          string               `json:"id" bson:"_id"`
	WorkflowID  string               `json:"workflow_id" bson:"workflow_id"`
	Version     int                  `json:"version" bson:"version"` // the snapshot that it applies; 0 before there is one
	Status      string               `json:"status" bson:"status"`
	StartedAt   time.Time            `json:"started_at" bson:"started_at"`
	CompletedAt *time.Time           `json:"completed_at,omitempty" bson:"completed_at,omitempty"`
	Duration    int64                `json:"duration" bson:"duration"` // milliseconds
	NodeStates  map[string]NodeState `json:"node_states" bson:"-"`     // stored as a list: node ids may hold dots
	Output      map[string]any       `json:"output" bson:"-"`          // node id to the changes of its objects
	Logs        []string             `json:"logs" bson:"logs"`         // "[15:04:05] text"
	Error       string               `json:"error,omitempty" bson:"error,omitempty"`
	TriggeredBy string               `json:"triggered_by" bson:"triggered_by"`
	TriggerData Trigger              `json:"trigger_data" bson:"trigger_data"`

	Replace       []string `json:"replace,omitempty" bson:"replace,omitempty"`
	FailurePolicy string   `json:"failure_policy,omitempty" bson:"failure_policy,omitempty"`
	WaitSeconds   int      `json:"wait_seconds,omitempty" bson:"wait_seconds,omitempty"`   // how long it waits for healthy nodes; 0: it does not
	RestoredFrom  int      `json:"restored_from,omitempty" bson:"restored_from,omitempty"` // the version that it brings back into the drawing
	Nodes         []string `json:"nodes,omitempty" bson:"nodes,omitempty"`                 // for a correction: the nodes that it applies
	RunPhase      `bson:",inline"`

	Action          string    `json:"-" bson:"action"`
	DeleteAdopted   bool      `json:"-" bson:"delete_adopted,omitempty"` // for a tear-down: adopted objects go, too
	OwnerID         string    `json:"-" bson:"owner_id"`
	Cluster         string    `json:"-" bson:"cluster"`          // the cluster's name
	ClusterRef      string    `json:"-" bson:"cluster_ref"`      // the cluster's id
	Lease           string    `json:"-" bson:"lease"`            // session of the server that executes it; empty: none does
	CancelRequested bool      `json:"-" bson:"cancel_requested"` // somebody has cancelled it
	Deadline        time.Time `json:"-" bson:"deadline"`         // when it fails

	// LeaseUntil is stored by servers of the version before this one: until then they
	// execute the run.
	LeaseUntil time.Time `json:"-" bson:"lease_until,omitempty"`

	// Conflict tells of a failed run that objects of other owners are the only
	// reason.
	Conflict bool `json:"-" bson:"conflict,omitempty"`

	// IdempotencyKey is what its starter named it, behind the starter's id. It is
	// unique for a workflow.
	IdempotencyKey string `json:"-" bson:"idempotency_key,omitempty"`

	// Unsettled tells of a run that has ended that it may not be counted and told yet.
	Unsettled bool `json:"-" bson:"unsettled,omitempty"`
}

// RunPhase is how far a run is.
type RunPhase struct {
	Phase        string     `json:"phase,omitempty" bson:"phase,omitempty"`                   // while it is running
	WaitUntil    *time.Time `json:"wait_until,omitempty" bson:"wait_until,omitempty"`         // when waiting for healthy nodes ends
	RolledBackTo int        `json:"rolled_back_to,omitempty" bson:"rolled_back_to,omitempty"` // the version that is applied because it failed
	Failure      string     `json:"-" bson:"failure,omitempty"`                               // why it is rolled back
}

// Trigger holds who started a run, and the names of the values that they typed.
type Trigger struct {
	UserID  string      `json:"user_id" bson:"user_id"`
	TokenID string      `json:"-" bson:"token_id,omitempty"` // of the API token; empty with a session
	Typed   []TypedKeys `json:"typed,omitempty" bson:"typed,omitempty"`
}

// TypedKeys are the names of the values that were typed for one node.
type TypedKeys struct {
	NodeID string   `json:"node_id" bson:"node_id"`
	Keys   []string `json:"keys" bson:"keys"`
}

// RunProgress is a change of a running run. Nil leaves a field alone.
type RunProgress struct {
	Version    *int
	Phase      *RunPhase
	NodeStates map[string]NodeState
	Logs       []string
}

// RunResult is how a run ended.
type RunResult struct {
	Status      string
	Error       string
	CompletedAt time.Time
	Duration    int64 // milliseconds
	NodeStates  map[string]NodeState
	Logs        []string

	RolledBackTo int
	Conflict     bool
	Unsettled    bool // it is still to be counted and told
}

// RunStart is the change of a workflow when a run begins.
type RunStart struct {
	RunID      string
	At         time.Time
	Version    int
	Cluster    string        // the name of where it runs; a Conflict when the workflow has another one now
	ClusterRef string        // where it runs
	Inventory  []OwnedObject // the objects that exist or will be created
}

// TriggerData holds values typed for one run: node id, then key or variable
// name, then value. It exists in memory and in the cluster only.
type TriggerData struct {
	Secrets map[string]map[string]Secret `json:"secrets"`
	EnvVars map[string]map[string]Secret `json:"envVars"`
}

// maxTyped is how many values may be typed for one run. Every text of the run is
// searched for each of them.
const maxTyped = 5000

// Check reports problems with the form of d. Whether the drawing has a place for
// the values is checked elsewhere.
func (d TriggerData) Check() (p Problems) {
	total := 0
	for _, all := range []map[string]map[string]Secret{d.Secrets, d.EnvVars} {
		for _, values := range all {
			total += len(values)
		}
	}
	if total > maxTyped {
		p.Addf("trigger_data", "holds %d values; at most %d are allowed", total, maxTyped)
	}
	return p
}
