package models

import (
	"encoding/json"
	"time"
)

// The names of the events of a workflow's status stream.
const (
	EventMetadata     = "metadata"      // the whole workflow, without an envelope
	EventNodeUpdate   = "node_update"   // one node's complete status
	EventWorkflowSync = "workflow_sync" // all nodes' statuses
	EventDrift        = "drift"         // how one node's objects differ from what was deployed
	EventComplete     = "complete"      // the server stops, or the reader's session has ended
)

// The names of the events of a run's stream, which begins with the whole run as
// EventMetadata and ends with its RunEnd as EventComplete.
const (
	EventRunLog    = "log"        // lines of its log
	EventRunNodes  = "node_state" // what it did for some nodes
	EventRunUpdate = "run_update" // its version and phase
)

// RunStream returns the key of a run's stream.
func RunStream(runID string) string { return "run:" + runID }

// RunLog is the data of EventRunLog.
type RunLog struct {
	From  int      `json:"from"` // the place of the first line in the log, from 0
	Lines []string `json:"lines"`
}

// RunNodes is the data of EventRunNodes. A state replaces the former one of its node.
type RunNodes struct {
	NodeStates map[string]NodeState `json:"node_states"`
}

// RunUpdate is the data of EventRunUpdate.
type RunUpdate struct {
	RunPhase

	Version int `json:"version"`
}

// RunEnd is the data with which the stream of a run completes.
type RunEnd struct {
	Status       string `json:"status"`
	Error        string `json:"error,omitempty"`
	RolledBackTo int    `json:"rolled_back_to,omitempty"`
}

// End returns how a run ended.
func (r Run) End() RunEnd {
	return RunEnd{Status: r.Status, Error: r.Error, RolledBackTo: r.RolledBackTo}
}

// WorkflowStream returns the key of a workflow's status stream.
func WorkflowStream(workflowID string) string { return "workflow:" + workflowID }

// StreamEvent is the envelope of an event.
type StreamEvent struct {
	Type      string    `json:"type"`       // the part of StreamKey before the colon
	StreamKey string    `json:"stream_key"` // "workflow:<id>"
	EventType string    `json:"event_type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// NodeUpdate is the data of a node_update. Status is complete and replaces
// the node's former status.
type NodeUpdate struct {
	NodeID string         `json:"node_id"`
	Type   string         `json:"type"`
	Status map[string]any `json:"status"`
}

// StatusSync is the data of a workflow_sync. Pages merge it into their state, so a
// node that is left out keeps its status there.
type StatusSync struct {
	Nodes []SyncedNode `json:"nodes"`
}

// SyncedNode is one node of a StatusSync, in the form of the node itself.
type SyncedNode struct {
	Data Data   `json:"data"` // its status alone
	ID   string `json:"id"`
}

// StatusesOf returns the statuses of the nodes that have one.
func StatusesOf(nodes []Node) StatusSync {
	sync := StatusSync{Nodes: make([]SyncedNode, 0, len(nodes))}
	for _, n := range nodes {
		if status := n.Data[StatusKey]; status != nil {
			sync.Nodes = append(sync.Nodes, SyncedNode{ID: n.ID, Data: Data{StatusKey: status}})
		}
	}
	return sync
}

// StreamFrame returns an event in the wire format of server-sent events. payload
// is JSON from encoding/json: one line, with U+2028 and U+2029 escaped, which
// some readers take for line ends.
func StreamFrame(id, event string, payload json.RawMessage) []byte {
	const fields = len("id: \nevent: \ndata: \n\n")
	b := make([]byte, 0, fields+len(id)+len(event)+len(payload))
	if id != "" {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	b = append(append(append(b, "event: "...), event...), '\n')
	b = append(append(append(b, "data: "...), payload...), '\n', '\n')
	return b
}
