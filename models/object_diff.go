package models

import "time"

// MaskedValue stands for a value of a Secret.
const MaskedValue = "••••••"

// FieldChange is a field of an object that has another value than a run gives it.
// Values of Secrets are masked.
type FieldChange struct {
	Path    string     `json:"path" bson:"path"`                           // "spec.template.spec.containers[name=web].image"
	From    any        `json:"from,omitempty" bson:"from,omitempty"`       // the present value; absent: there is none
	To      any        `json:"to,omitempty" bson:"to,omitempty"`           // the value that a run gives it; absent: it removes the field
	Manager string     `json:"manager,omitempty" bson:"manager,omitempty"` // the field manager that set the present value
	At      *time.Time `json:"at,omitempty" bson:"at,omitempty"`           // when that wrote last, to the second
}

// FieldAddition is a field that somebody else added beside those of a run, which
// leaves it alone.
type FieldAddition struct {
	Path    string     `json:"path" bson:"path"`
	Value   any        `json:"value,omitempty" bson:"value,omitempty"`
	Manager string     `json:"manager" bson:"manager"`
	At      *time.Time `json:"at,omitempty" bson:"at,omitempty"`
}

// ObjectDiff is how an object in a cluster differs from what a run makes of it.
type ObjectDiff struct {
	APIVersion string `json:"apiVersion" bson:"api_version"`
	Kind       string `json:"kind" bson:"kind"`
	Namespace  string `json:"namespace,omitempty" bson:"namespace,omitempty"`
	Name       string `json:"name" bson:"name"`
	// Action is what a run does: see PlanCreated and the others.
	Action    string          `json:"action" bson:"action"`
	Message   string          `json:"message,omitempty" bson:"message,omitempty"` // why it is refused, kept or skipped
	Changes   []FieldChange   `json:"changes,omitempty" bson:"changes,omitempty"`
	Additions []FieldAddition `json:"additions,omitempty" bson:"additions,omitempty"`
}
