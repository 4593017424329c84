package models

import "time"

// The states of an invite.
const (
	InvitePending = "pending"
	InviteUsed    = "used"
	InviteExpired = "expired"
	InviteRevoked = "revoked"
)

// Invite lets one person sign up. Only a hash of its code is stored.
type Invite struct {
	ID        string     `json:"id" bson:"_id"`
	CodeHash  string     `json:"-" bson:"code_hash"`
	Email     string     `json:"email" bson:"email"` // lower-case; empty: any
	Role      string     `json:"role" bson:"role"`   // of the new account
	Note      string     `json:"note" bson:"note"`
	State     string     `json:"state" bson:"-"` // at the time of the answer
	CreatedAt time.Time  `json:"createdAt" bson:"created_at"`
	CreatedBy string     `json:"createdBy" bson:"created_by"` // user id
	ExpiresAt time.Time  `json:"expiresAt" bson:"expires_at"`
	UsedAt    *time.Time `json:"usedAt,omitempty" bson:"used_at,omitempty"`
	UsedBy    string     `json:"usedBy,omitempty" bson:"used_by,omitempty"` // user id
	RevokedAt *time.Time `json:"revokedAt,omitempty" bson:"revoked_at,omitempty"`
}

// StateAt returns the state of the invite at a time.
func (i Invite) StateAt(now time.Time) string {
	switch {
	case i.UsedAt != nil:
		return InviteUsed
	case i.RevokedAt != nil:
		return InviteRevoked
	case !now.Before(i.ExpiresAt):
		return InviteExpired
	}
	return InvitePending
}

// InviteInput is the body of POST /settings/invites.
type InviteInput struct {
	Email          string `json:"email"`
	Role           string `json:"role"`
	ExpiresInHours *int   `json:"expiresInHours"`
	Note           string `json:"note"`
}

// CreatedInvite answers POST /settings/invites. It is the only answer with the
// code.
type CreatedInvite struct {
	Invite Invite `json:"invite"`
	Code   string `json:"code"`
	Link   string `json:"link"` // to the sign-up page
}

// Invites is one page of the invites, the newest first.
type Invites struct {
	Invites []Invite `json:"invites"` // never nil
	Total   int64    `json:"total"`
	Page    int      `json:"page"`
	Limit   int      `json:"limit"`
}
