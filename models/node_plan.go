package models

// NodePlan is what a run would do for a node.
type NodePlan struct {
	NodeID  string       `json:"nodeId"`
	Type    string       `json:"type"`
	Name    string       `json:"name"`
	Objects []ObjectDiff `json:"objects"`
}
