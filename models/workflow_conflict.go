package models

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// WorkflowConflict describes the stored workflow to the sender of a stale revision, by
// what differs between what they sent and what is stored.
type WorkflowConflict struct {
	ETag      string            `json:"etag"`
	UpdatedAt time.Time         `json:"updated_at"`
	Nodes     []string          `json:"nodes,omitempty"`  // ids
	Edges     []string          `json:"edges,omitempty"`  // ids
	Fields    map[string]string `json:"fields,omitempty"` // the stored name, description, status, cluster_id
}

// Against returns how p differs from w, which was changed since p was made.
func (p WorkflowPatch) Against(w Workflow) WorkflowConflict {
	c := WorkflowConflict{ETag: ETag(w.Revision), UpdatedAt: w.UpdatedAt, Fields: map[string]string{}}
	if p.Nodes != nil {
		c.Nodes = DiffNodes(*p.Nodes, w.Nodes)
	}
	if p.Edges != nil {
		c.Edges = DiffEdges(*p.Edges, w.Edges)
	}
	for field, pair := range map[string]struct {
		sent   *string
		stored string
	}{
		"name": {p.Name, w.Name}, "description": {p.Description, w.Description},
		"status": {p.Status, w.Status}, "cluster_id": {p.ClusterID, w.ClusterID},
	} {
		if pair.sent != nil && *pair.sent != pair.stored {
			c.Fields[field] = pair.stored
		}
	}
	return c
}

// Error returns the Conflict that tells c to people.
func (c WorkflowConflict) Error(op string, cause error) error {
	msg := "the workflow was changed since you read it, at " + c.UpdatedAt.Format(time.RFC3339)
	what := ""
	for _, part := range []struct {
		of   string
		list []string
	}{{"nodes", c.Nodes}, {"edges", c.Edges}, {"fields", slices.Sorted(maps.Keys(c.Fields))}} {
		if len(part.list) > 0 {
			what += "; " + part.of + " that differ from yours: " + shortList(part.list)
		}
	}
	if what == "" {
		what = "; what you sent is stored already"
	}
	return &Error{Op: op, Kind: Conflict, Err: cause, Msg: msg + what + ". Read it again and repeat your change", Extra: c}
}

// shortList joins the first ten of names.
func shortList(names []string) string {
	const shown = 10
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}
