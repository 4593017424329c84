package models

import "time"

// SessionByPassword is the method of sessions that began with a password. The
// method of other sessions is the slug of their provider.
const SessionByPassword = "password"

// StoredSession is one sign-in. Its tokens are valid as long as it is.
type StoredSession struct {
	ID         string    `bson:"_id"` // the tokens' claim sid
	UserID     string    `bson:"user_id"`
	Epoch      int64     `bson:"epoch"` // the account's SessionEpoch at the sign-in
	Method     string    `bson:"method"`
	Address    string    `bson:"address"`
	UserAgent  string    `bson:"user_agent"`
	CreatedAt  time.Time `bson:"created_at"`
	LastUsedAt time.Time `bson:"last_used_at"` // to the minute
	ExpiresAt  time.Time `bson:"expires_at"`
}

// ValidFor reports whether the session is one of u and valid at that time.
func (s StoredSession) ValidFor(u User, now time.Time) bool {
	return s.UserID == u.ID && !u.Disabled && now.Before(s.ExpiresAt) &&
		(s.Epoch == u.SessionEpoch || s.ID == u.KeptSession)
}

// SessionView is a session as its owner sees it.
type SessionView struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current"` // the session of the request
	Method     string    `json:"method"`
	Address    string    `json:"address"`
	UserAgent  string    `json:"userAgent"`
	CreatedAt  time.Time `json:"createdAt"`
	LastUsedAt time.Time `json:"lastUsedAt"`
	ExpiresAt  time.Time `json:"expiresAt"`
}

// Ticket answers POST /auth/ws-ticket. It opens one WebSocket in place of a token.
type Ticket struct {
	Ticket    string    `json:"ticket"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// TicketGrant is stored for a ticket: the caller that it identifies.
type TicketGrant struct {
	UserID    string `bson:"user_id"`
	SessionID string `bson:"session_id,omitempty"`
	TokenID   string `bson:"token_id,omitempty"`
	Scope     Scope  `bson:"scope"`
}
