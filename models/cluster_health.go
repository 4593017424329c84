package models

import "time"

// ClusterHealth is the outcome of a check of a cluster.
type ClusterHealth struct {
	Status            string
	Error             string // why Status is not connected
	Failures          int    // background checks that failed in a row, this one included
	At                time.Time
	CredentialVersion int64            // of the cluster as it was checked
	Metadata          *ClusterMetadata // nil when it was not read
}

// ClusterChecked is a check that found a cluster in its stored state.
type ClusterChecked struct {
	ID                string
	Status            string
	CredentialVersion int64
	At                time.Time
}

// ProbeOptions are the options of a background check. The zero value waits for
// slow clusters and reads old metadata again.
type ProbeOptions struct {
	// QuickTimeout, if set, makes a quick check: one that waits that long for an
	// answer, and leaves slow clusters and old metadata to a later check.
	QuickTimeout time.Duration
	// SkipWithin skips a cluster that was checked less than that long ago, unless
	// its metadata is old.
	SkipWithin time.Duration
	// Wanted is asked before an outcome is stored; it is dropped when that is false.
	// Nil stands for true.
	Wanted func() bool
}

// ClusterCheck is the outcome of a background check.
type ClusterCheck struct {
	Cluster Cluster // with the outcome
	Skipped bool    // the cluster was deleted, checked a moment ago, or is another server's to check
	More    bool    // a quick check left something to a later one
	Stored  bool    // the outcome is stored already
}

// Checked returns the outcome of a check that is yet to be stored.
func (c ClusterCheck) Checked() ClusterChecked {
	return ClusterChecked{
		ID: c.Cluster.ID, Status: c.Cluster.Status, CredentialVersion: c.Cluster.CredentialVersion, At: *c.Cluster.LastCheck,
	}
}

// The events of a user's stream of cluster states. The first event is
// EventMetadata with ClusterStates and without an envelope.
const (
	EventClusterUpdate  = "cluster_update"  // one cluster's complete state
	EventClusterRemoved = "cluster_removed" // it was deleted, or is no longer shared with the user
)

// ClustersStream returns the key of a user's stream of cluster states.
func ClustersStream(userID string) string { return "clusters:" + userID }

// ClusterState is the state of one cluster in that stream, as in ClusterStatus.
type ClusterState struct {
	Cluster   string    `json:"cluster"`
	ID        string    `json:"id"`
	Status    string    `json:"status"`
	Error     string    `json:"error,omitempty"`
	LastCheck time.Time `json:"lastCheck,omitzero"`
	IsStale   bool      `json:"isStale"`
	IsOnline  bool      `json:"isOnline"`
}

// ClusterStates is the snapshot of the stream.
type ClusterStates struct {
	Clusters []ClusterState `json:"clusters"`
}

// ClusterRemoved is the data of EventClusterRemoved.
type ClusterRemoved struct {
	Cluster string `json:"cluster"`
	ID      string `json:"id"`
}

// ClusterStale is the age above which the outcome of a check is stale.
const ClusterStale = 2 * time.Minute

// State returns the outcome of the last check of c as of now.
func (c Cluster) State(now time.Time) ClusterState {
	st := ClusterState{
		Cluster: c.Name, ID: c.ID, Status: c.Status, Error: c.LastError, IsStale: true, IsOnline: c.Status == ClusterConnected,
	}
	if c.LastCheck != nil {
		st.LastCheck, st.IsStale = *c.LastCheck, now.Sub(*c.LastCheck) > ClusterStale
	}
	return st
}
