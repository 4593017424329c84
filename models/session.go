package models

import "time"

// SessionByPassword is the method of sessions that began with a password;
// others have the slug of their provider.
const SessionByPassword = "password"

// StoredSession is what the server keeps of one sign-in. A token is good only
// as long as its session is.
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

// Good reports whether the session lets its bearer act as u at that time.
func (s StoredSession) Good(u User, now time.Time) bool {
	return s.UserID == u.ID && !u.Disabled && now.Before(s.ExpiresAt) &&
		(s.Epoch == u.SessionEpoch || s.ID == u.KeptSession)
}

// SessionView is a session as its owner sees it.
type SessionView struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current"` // the one that asks
	Method     string    `json:"method"`
	Address    string    `json:"address"`
	UserAgent  string    `json:"userAgent"`
	CreatedAt  time.Time `json:"createdAt"`
	LastUsedAt time.Time `json:"lastUsedAt"`
	ExpiresAt  time.Time `json:"expiresAt"`
}

// Ticket answers POST /auth/ws-ticket: it opens one WebSocket in place of a
// token.
type Ticket struct {
	Ticket    string    `json:"ticket"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// TicketGrant is whom a ticket stands for.
type TicketGrant struct {
	UserID    string `bson:"user_id"`
	SessionID string `bson:"session_id,omitempty"`
	TokenID   string `bson:"token_id,omitempty"`
	Scope     Scope  `bson:"scope"`
}
