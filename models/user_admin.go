package models

import "time"

// The states of an account in lists.
const (
	UserActive   = "active"
	UserDisabled = "disabled"
)

// UserQuery selects accounts; empty fields select all.
type UserQuery struct {
	Search string // part of the e-mail address or the name
	Role   string
	Status string // UserActive or UserDisabled
	Page   int    // from 1
	Limit  int
}

// ManagedUser is an account as administrators see it.
type ManagedUser struct {
	UserView
	Status    string    `json:"status"`
	Deleting  bool      `json:"deleting"` // its deletion has begun, and can be repeated if it failed
	UpdatedAt time.Time `json:"updatedAt"`
}

// UserPage answers GET /admin/users.
type UserPage struct {
	Users []ManagedUser `json:"users"`
	Total int64         `json:"total"`
	Page  int           `json:"page"`
	Limit int           `json:"limit"`
}

// RoleInput is the body of PUT /admin/users/:id/role.
type RoleInput struct {
	Role string `json:"role"`
}

// AccountChange is a change of an account by an administrator; nil leaves a field
// alone.
type AccountChange struct {
	Role        *string
	Disabled    *bool
	Deleting    *bool
	EndSessions bool
	At          time.Time
}

// Owned answers GET /admin/users/:id/owned.
type Owned struct {
	Workflows OwnedItems `json:"workflows"`
	Clusters  OwnedItems `json:"clusters"`
}

// None reports whether the account owns nothing.
func (o Owned) None() bool { return o.Workflows.Count == 0 && o.Clusters.Count == 0 }

// OwnedItems are the workflows or the clusters of an account. Items holds the first ones.
type OwnedItems struct {
	Count int64       `json:"count"`
	Items []OwnedItem `json:"items"`
}

// OwnedItem is one workflow or cluster of an account.
type OwnedItem struct {
	ID   string `json:"id" bson:"_id"`
	Name string `json:"name" bson:"name"`
}

// What happens to the workflows and clusters of a deleted account.
const (
	OwnedDelete   = "delete"
	OwnedTransfer = "transfer"
)

// UserDeletion says what happens to the workflows and clusters of a deleted
// account. Owned may be empty for an account that owns none.
type UserDeletion struct {
	Owned      string
	TransferTo string // user id
}
