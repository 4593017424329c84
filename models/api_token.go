package models

import "time"

// APITokenPrefix begins every API token, so that people and scanners know one
// when they see it. No session token begins like this.
const APITokenPrefix = "kubeorch_"

// APIToken lets scripts act for an account. Of the token itself only a hash is
// kept.
type APIToken struct {
	ID         string     `json:"id" bson:"_id"`
	UserID     string     `json:"-" bson:"user_id"`
	Name       string     `json:"name" bson:"name"` // unique within the account
	Scope      Scope      `json:"scope" bson:"scope"`
	Prefix     string     `json:"prefix" bson:"prefix"` // what the token begins with, to tell tokens apart
	Hash       string     `json:"-" bson:"hash"`
	CreatedAt  time.Time  `json:"createdAt" bson:"created_at"`
	ExpiresAt  time.Time  `json:"expiresAt" bson:"expires_at"`
	LastUsedAt *time.Time `json:"lastUsedAt,omitempty" bson:"last_used_at,omitempty"` // to the minute or so
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
