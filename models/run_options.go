package models

import (
	"slices"
	"strings"
	"time"
)

// What a run does when a node fails. With none of them, what depends on the node
// is skipped, all else is applied, and nothing is applied when an object belongs to
// somebody else.
const (
	PolicyStop     = "stop"     // nothing further is applied
	PolicyContinue = "continue" // as with none, and somebody else's object fails only its node
	PolicyRollback = "rollback" // as with stop; then the last healthy version is applied
)

// How long a run waits until its nodes are healthy.
const (
	DefaultRunWait = 5 * time.Minute
	MaxRunWait     = 30 * time.Minute
)

// RunOptions say how a run is done. The zero value applies the drawing and does not
// wait.
type RunOptions struct {
	FailurePolicy      string `json:"failure_policy"`
	Wait               bool   `json:"wait"`                 // the run goes on until all nodes are healthy
	WaitTimeoutSeconds int    `json:"wait_timeout_seconds"` // 0: DefaultRunWait
	// Replace lists the nodes whose objects are deleted and made anew where a change is
	// refused because a field cannot be changed. Without it such a change fails.
	Replace []string `json:"replace"`
}

// Check reports what is wrong with o, by the names of its fields.
func (o RunOptions) Check() (p Problems) {
	policies := []string{PolicyStop, PolicyContinue, PolicyRollback}
	if o.FailurePolicy != "" && !slices.Contains(policies, o.FailurePolicy) {
		p.Addf("failure_policy", "must be one of %s", strings.Join(policies, ", "))
	}
	if len(o.Replace) > MaxNodes {
		p.Addf("replace", "must hold at most %d nodes, there are %d", MaxNodes, len(o.Replace))
	}
	most := int(MaxRunWait.Seconds())
	switch {
	case o.WaitTimeoutSeconds < 0 || o.WaitTimeoutSeconds > most:
		p.Addf("wait_timeout_seconds", "must be between 1 and %d", most)
	case o.WaitTimeoutSeconds > 0 && !o.Wait:
		p.Addf("wait_timeout_seconds", "is for a run that waits; set wait, too")
	}
	return p
}

// WaitTime is how long the run waits; 0: it does not.
func (o RunOptions) WaitTime() time.Duration {
	switch {
	case !o.Wait:
		return 0
	case o.WaitTimeoutSeconds == 0:
		return DefaultRunWait
	default:
		return time.Duration(o.WaitTimeoutSeconds) * time.Second
	}
}

// maxIdempotencyKey is the length of a key in bytes.
const maxIdempotencyKey = 255

// IdempotencyKey is the name that a client gives to a request, so that repeating it
// does nothing twice.
type IdempotencyKey string

// Check reports what is wrong with the header.
func (k IdempotencyKey) Check() (p Problems) {
	printable := func(r rune) bool { return r > ' ' && r <= '~' }
	if len(k) > maxIdempotencyKey || strings.ContainsFunc(string(k), func(r rune) bool { return !printable(r) }) {
		p.Addf("Idempotency-Key", "must be at most %d printable ASCII characters without spaces", maxIdempotencyKey)
	}
	return p
}

// RunRequest asks for a run.
type RunRequest struct {
	RunOptions

	TriggerData TriggerData    `json:"trigger_data"`
	Key         IdempotencyKey `json:"-"`
}

// Check reports problems with the form of r.
func (r RunRequest) Check() Problems {
	return slices.Concat(r.RunOptions.Check(), r.TriggerData.Check(), r.Key.Check())
}

// RollbackRequest asks for a run of an earlier version, which becomes the drawing.
type RollbackRequest struct {
	RunOptions

	Version int            `json:"version"`
	Key     IdempotencyKey `json:"-"`
}

// Check reports problems with the form of r.
func (r RollbackRequest) Check() (p Problems) {
	if r.Version < 1 {
		p.Addf("version", "must be the number of a version")
	}
	return slices.Concat(p, r.RunOptions.Check(), r.Key.Check())
}
