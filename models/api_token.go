package models

import "time"

// APITokenPrefix begins every API token and no session token, so that people and
// secret scanners recognise API tokens.
const APITokenPrefix = "kubeorch_"

// APIToken lets scripts act for an account. Only a hash of the token is stored.
type APIToken struct {
	ID         string     `json:"id" bson:"_id"`
	UserID     string     `json:"-" bson:"user_id"`
	Name       string     `json:"name" bson:"name"` // unique within the account
	Scope      Scope      `json:"scope" bson:"scope"`
	Prefix     string     `json:"prefix" bson:"prefix"` // the first characters of the token
	Hash       string     `json:"-" bson:"hash"`
	CreatedAt  time.Time  `json:"createdAt" bson:"created_at"`
	ExpiresAt  time.Time  `json:"expiresAt" bson:"expires_at"`
	LastUsedAt *time.Time `json:"lastUsedAt,omitempty" bson:"last_used_at,omitempty"` // to about a minute
}

// APITokenInput is the body of POST /profile/tokens.
type APITokenInput struct {
	Name          string `json:"name"`
	Scope         Scope  `json:"scope"`
	ExpiresInDays *int   `json:"expiresInDays"`
}

// NewAPIToken answers POST /profile/tokens, the only time that the token is
// shown.
type NewAPIToken struct {
	Token    string   `json:"token"`
	APIToken APIToken `json:"apiToken"`
}
