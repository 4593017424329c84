package models

import (
	"fmt"
	"strings"
)

// Problem is one fault in what a user sent.
type Problem struct {
	Node    string `json:"node,omitempty" bson:"node,omitempty"`   // node id, when the fault is in a drawn node
	Edge    string `json:"edge,omitempty" bson:"edge,omitempty"`   // edge id, when it is in an edge
	Label   string `json:"label,omitempty" bson:"label,omitempty"` // how people know the node or edge: `deployment "web"`
	Field   string `json:"field,omitempty" bson:"field,omitempty"` // path of the field: "paths[0].servicePort"
	Message string `json:"message" bson:"message"`                 // continues the field's name: "must be between 1 and 65535"
}

// String returns the problem as one line: `deployment "web" field port: must
// be …`. Without a label it names ids.
func (p Problem) String() string {
	var b strings.Builder
	switch {
	case p.Label != "":
		b.WriteString(p.Label + " ")
	case p.Node != "":
		fmt.Fprintf(&b, "node %q ", p.Node)
	case p.Edge != "":
		fmt.Fprintf(&b, "edge %q ", p.Edge)
	}
	if p.Field != "" {
		fmt.Fprintf(&b, "field %s: ", p.Field)
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems collects faults, so that a user can mend all of them in one go.
type Problems []Problem

// Addf appends a fault of field.
func (p *Problems) Addf(field, format string, args ...any) {
	*p = append(*p, Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

// maxProblemText bounds the joined text of a huge drawing's faults.
const maxProblemText = 4000

// String joins all problems with "; ", cut to about 4,000 characters; an
// error's body holds the complete list besides.
func (p Problems) String() string {
	var b strings.Builder
	for i, one := range p {
		if b.Len() > maxProblemText {
			fmt.Fprintf(&b, "; and %d more", len(p)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(one.String())
	}
	return b.String()
}

// Err returns nil when there are no problems, else an Invalid *Error that
// carries all of them.
func (p Problems) Err(op string) error {
	if len(p) == 0 {
		return nil
	}
	return &Error{Op: op, Kind: Invalid, Msg: p.String(), Problems: p}
}
