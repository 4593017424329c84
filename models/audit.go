package models

import (
	"net/netip"
	"regexp"
	"strings"
	"time"
)

// The outcomes of what the audit trail records.
const (
	AuditSuccess = "success"
	AuditDenied  = "denied" // 401, 403, 429, and 404, which also answers requests for other people's objects
	AuditFailed  = "failed"
)

// AuditEntry is one line of the audit trail. It never holds a secret.
type AuditEntry struct {
	ID        string            `json:"id" bson:"_id"`
	At        time.Time         `json:"at" bson:"at"`
	ActorID   string            `json:"actorId,omitempty" bson:"actor_id,omitempty"`        // empty when nobody was signed in
	Actor     string            `json:"actor,omitempty" bson:"actor,omitempty"`             // e-mail address; without ActorID it is unverified
	SessionID string            `json:"sessionId,omitempty" bson:"session_id,omitempty"`    // not the token
	TokenID   string            `json:"apiTokenId,omitempty" bson:"api_token_id,omitempty"` // not the token
	Action    string            `json:"action" bson:"action"`                               // "cluster.create"
	Target    map[string]string `json:"target,omitempty" bson:"target,omitempty"`           // the parameters of the path
	Outcome   string            `json:"outcome" bson:"outcome"`
	Status    int               `json:"status,omitempty" bson:"status,omitempty"` // HTTP
	Address   string            `json:"address,omitempty" bson:"address,omitempty"`
	UserAgent string            `json:"userAgent,omitempty" bson:"user_agent,omitempty"`
	RequestID string            `json:"requestId,omitempty" bson:"request_id,omitempty"`
	Details   map[string]string `json:"details,omitempty" bson:"details,omitempty"`
	Count     int               `json:"count,omitempty" bson:"count,omitempty"`    // requests, when an entry stands for several
	LastAt    *time.Time        `json:"lastAt,omitempty" bson:"last_at,omitempty"` // of the last of these requests
}

// Area returns the first part of the action: "cluster" of "cluster.create".
func (e AuditEntry) Area() string {
	area, _, _ := strings.Cut(e.Action, ".")
	return area
}

// AuditQuery is the query of GET /admin/audit. Empty fields match everything.
type AuditQuery struct {
	Actor   string // account id, or e-mail address
	Action  string // "cluster.create", or "cluster." for all actions of an area
	Outcome string
	Target  string // the value of any parameter of the path
	Address string
	From    string // RFC 3339, inclusive
	To      string // RFC 3339, exclusive
	Page    int    // from 1
	Limit   int
}

// AuditFilter is a parsed AuditQuery.
type AuditFilter struct {
	ActorID, Actor string // at most one of them is set
	Action, Area   string // at most one of them is set
	Outcome        string
	Target         string
	Address        string
	From, To       time.Time // zero: no bound
	Page, Limit    int
}

// AuditPage answers GET /admin/audit.
type AuditPage struct {
	Entries []AuditEntry `json:"entries"` // never nil; the newest first
	Total   int64        `json:"total"`   // counted up to MaxAuditTotal
	Page    int          `json:"page"`
	Limit   int          `json:"limit"`
}

// MaxAuditTotal is how many entries a query counts and pages through at most.
// Bounds on the time reach the others.
const MaxAuditTotal = 10_000

const maxAuditText = 254 // bytes of a field

// Filter parses q. Each problem names the parameter.
func (q AuditQuery) Filter() (AuditFilter, Problems) {
	var p Problems
	f := AuditFilter{Outcome: q.Outcome, Target: q.Target, Page: q.Page, Limit: q.Limit}
	for name, value := range map[string]string{"actor": q.Actor, "target": q.Target} {
		if len(value) > maxAuditText {
			p.Addf(name, "must have at most %d bytes", maxAuditText)
		}
	}
	if strings.Contains(q.Actor, "@") {
		f.Actor = strings.ToLower(q.Actor)
	} else {
		f.ActorID = q.Actor
	}
	if q.Action != "" && !regexp.MustCompile(`^[a-z][a-z_-]{0,31}\.([a-z][a-z._-]{0,63})?$`).MatchString(q.Action) {
		p.Addf("action", `must be an action such as "cluster.create", or an area with a dot: "cluster."`)
	}
	if area, all := strings.CutSuffix(q.Action, "."); all {
		f.Area = area
	} else {
		f.Action = q.Action
	}
	switch q.Outcome {
	case "", AuditSuccess, AuditDenied, AuditFailed:
	default:
		p.Addf("outcome", "must be one of %s, %s, %s", AuditSuccess, AuditDenied, AuditFailed)
	}
	if q.Address != "" {
		address, err := netip.ParseAddr(q.Address)
		if err != nil {
			p.Addf("address", "must be an IP address")
		}
		f.Address = address.String()
	}
	f.From, f.To = auditTime(&p, "from", q.From), auditTime(&p, "to", q.To)
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		p.Addf("to", "must be later than from")
	}
	if q.Page*q.Limit > MaxAuditTotal {
		p.Addf("page", "goes beyond %d entries; narrow the time with from and to", MaxAuditTotal)
	}
	return f, p
}

func auditTime(p *Problems, name, value string) time.Time {
	if value == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		p.Addf(name, "must be a time such as 2026-01-31T13:00:00Z")
	}
	return at
}
