package models

import "time"

// The actions in the log of a cluster.
const (
	ClusterLogAdded       = "added"
	ClusterLogUpdated     = "updated"
	ClusterLogCredentials = "credentials_changed"
	ClusterLogTested      = "tested"         // by a person
	ClusterLogStatus      = "status_changed" // found by a check
	ClusterLogDefault     = "default_set"
	ClusterLogShared      = "shared"
	ClusterLogUnshared    = "unshared"
	ClusterLogDeployed    = "deployed" // a run began
	ClusterLogTaints      = "taints_changed"
)

// The levels of entries.
const (
	LogInfo    = "info"
	LogWarning = "warning"
	LogError   = "error"
)

// ClusterLogEntry is one line of the log of a cluster. It holds no secret.
type ClusterLogEntry struct {
	ID        string            `json:"id" bson:"_id"`
	ClusterID string            `json:"clusterId" bson:"cluster_id"`
	UserID    string            `json:"userId" bson:"user_id"` // empty when the server acted by itself
	Action    string            `json:"action" bson:"action"`
	Success   bool              `json:"success" bson:"success"`
	Error     string            `json:"error,omitempty" bson:"error,omitempty"`
	Details   map[string]string `json:"details,omitempty" bson:"details,omitempty"`
	Message   string            `json:"message" bson:"message"`
	Level     string            `json:"level" bson:"level"`
	Timestamp time.Time         `json:"timestamp" bson:"timestamp"`
}

// ClusterLogList answers GET /clusters/:name/logs, the newest entry first.
type ClusterLogList struct {
	Cluster string            `json:"cluster"`
	Logs    []ClusterLogEntry `json:"logs"`
}
