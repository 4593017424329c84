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

// ClusterChecked says that a cluster was found in the state that is stored.
type ClusterChecked struct {
	ID                string
	Status            string
	CredentialVersion int64
	At                time.Time
}

// ProbeWish says how a cluster is checked in the background. The zero value
// takes its time and reads metadata again when that is old.
type ProbeWish struct {
	// Quick gives a cluster that long. One that does not answer by then is
	// left for a check that takes its time, and so is old metadata.
	Quick time.Duration
	// Fresh leaves a cluster alone that somebody checked less than that long
	// ago, unless its metadata is old.
	Fresh time.Duration
}

// ClusterCheck is what became of a check in the background.
type ClusterCheck struct {
	Cluster Cluster // as it is known now
	Skipped bool    // it is gone, or was checked a moment ago
	More    bool    // a quick check left something to do
	Stored  bool    // nothing is left to be stored
}

// Checked returns what is left to be stored.
func (c ClusterCheck) Checked() ClusterChecked {
	return ClusterChecked{
		ID: c.Cluster.ID, Status: c.Cluster.Status, CredentialVersion: c.Cluster.CredentialVersion, At: *c.Cluster.LastCheck,
	}
}

// The events of a person's stream of cluster states; the first one is
// EventMetadata with ClusterStates, without an envelope.
const (
	EventClusterUpdate  = "cluster_update"  // one cluster's complete state
	EventClusterRemoved = "cluster_removed" // it is gone, or no longer shared
)

// ClustersStream returns the key of a person's stream of cluster states.
func ClustersStream(userID string) string { return "clusters:" + userID }

// ClusterState is one cluster in that stream. It says the same as
// ClusterStatus does.
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

// ClusterGone is the data of EventClusterRemoved.
type ClusterGone struct {
	Cluster string `json:"cluster"`
	ID      string `json:"id"`
}

// ClusterStale is the age of a check from which on its outcome is old.
const ClusterStale = 2 * time.Minute

// State returns what the last check of c found, as of now.
func (c Cluster) State(now time.Time) ClusterState {
	st := ClusterState{
		Cluster: c.Name, ID: c.ID, Status: c.Status, Error: c.LastError, IsStale: true, IsOnline: c.Status == ClusterConnected,
	}
	if c.LastCheck != nil {
		st.LastCheck, st.IsStale = *c.LastCheck, now.Sub(*c.LastCheck) > ClusterStale
	}
	return st
}
