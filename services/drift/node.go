package drift

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
)

// Bounds of what is kept of the drift of a workflow.
const (
	maxObjects   = 50       // of a node
	maxNodeBytes = 32 << 10 // as JSON
	maxBytes     = 2 << 20  // of all nodes
)

// The actions of models.ObjectDiff that tell of drift.
const (
	actionCreated    = "created"
	actionConfigured = "configured"
	actionReplaced   = "replaced"
	actionRefused    = "refused"
)

const kindJob = "Job"

// nodeDrift returns how the objects of a node differ from what was deployed, by what a
// run of the deployed version would do. It returns nil when they do not.
func nodeDrift(plan models.NodePlan, ignored []string, now time.Time) *models.NodeDrift {
	n := models.NodeDrift{NodeID: plan.NodeID, Type: plan.Type, Name: plan.Name, Since: now, LastSeen: now, Objects: []models.ObjectDiff{}}
	for _, o := range plan.Objects {
		o = without(o, ignored)
		switch {
		case isDrift(o):
			n.Drifted = true
		case len(o.Additions) == 0:
			continue
		}
		n.Objects = append(n.Objects, o)
	}
	if len(n.Objects) == 0 {
		return nil
	}
	return bounded(&n)
}

// without returns o without the ignored fields. What would be configured for nothing
// else is unchanged.
func without(o models.ObjectDiff, ignored []string) models.ObjectDiff {
	o.Changes = slices.DeleteFunc(slices.Clone(o.Changes), func(c models.FieldChange) bool { return isIgnored(c.Path, ignored) })
	o.Additions = slices.DeleteFunc(slices.Clone(o.Additions), func(a models.FieldAddition) bool { return isIgnored(a.Path, ignored) })
	if o.Action == actionConfigured && len(o.Changes) == 0 {
		o.Action = "unchanged"
	}
	return o
}

// isDrift reports whether a run would have to undo something in o. Clusters remove Jobs
// that have ended, and a run makes those again in any case.
func isDrift(o models.ObjectDiff) bool {
	switch o.Action {
	case actionConfigured, actionReplaced:
		return len(o.Changes) > 0
	case actionCreated, actionRefused:
		return o.Kind != kindJob
	}
	return false
}

// refusal tells why no run can undo the drift of a node, or is empty.
func refusal(n models.NodeDrift) (why string) {
	for _, o := range n.Objects {
		switch {
		case !isDrift(o):
			continue
		case o.Action == actionRefused:
			why = o.Message
		case o.Kind == kindJob:
			why = "a Job runs again only when somebody runs the workflow"
		case o.Kind == "Secret" && o.Action != actionCreated && onlyValues(o):
			why = "the values of a Secret are stored nowhere else; type them again and run the workflow"
		default:
			return ""
		}
	}
	return why
}

func onlyValues(o models.ObjectDiff) bool {
	return !slices.ContainsFunc(o.Changes, func(c models.FieldChange) bool { return !strings.HasPrefix(c.Path, "data") })
}

// bounded drops details until n is small enough.
func bounded(n *models.NodeDrift) *models.NodeDrift {
	if len(n.Objects) > maxObjects {
		n.Objects, n.Truncated = n.Objects[:maxObjects], true
	}
	left := maxNodeBytes
	for i := range n.Objects {
		if left -= size(n.Objects[i]); left < 0 {
			n.Objects[i].Changes, n.Objects[i].Additions, n.Truncated = nil, nil, true
		}
	}
	return n
}

// boundedAll drops the details of nodes until all are small enough together.
func boundedAll(nodes []models.NodeDrift) []models.NodeDrift {
	left := maxBytes
	for i := range nodes {
		if left -= size(nodes[i]); left < 0 {
			nodes[i] = brief(nodes[i])
		}
	}
	return nodes
}

// brief returns n without its objects.
func brief(n models.NodeDrift) models.NodeDrift {
	n.Objects, n.Truncated = []models.ObjectDiff{}, true
	return n
}

func size(v any) int {
	text, _ := json.Marshal(v) // texts and numbers, as the API server sent them
	return len(text)
}

// same reports whether two drifts tell the same, whenever they were seen. Numbers that
// were stored have another type.
func same(a, b models.NodeDrift) bool {
	a.LastSeen, b.LastSeen = time.Time{}, time.Time{}
	one, errA := json.Marshal(a)
	other, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(one, other)
}
