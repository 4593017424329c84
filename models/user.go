package models

import "time"

// The roles a user can have.
const (
	RoleAdmin = "admin"
	RoleUser  = "user"
)

// User is an account.
type User struct {
	ID           string `bson:"_id"`
	Email        string `bson:"email"` // lower-cased, unique
	Name         string `bson:"name"`
	PasswordHash string `bson:"password_hash,omitempty"` // bcrypt; empty for provider accounts
	Role         string `bson:"role"`
	AuthProvider string `bson:"auth_provider,omitempty"` // provider slug; empty for password accounts

	// ProviderSubject is the provider's id of the person, unique per provider.
	ProviderSubject string `bson:"provider_subject,omitempty"`

	CreatedAt time.Time `bson:"created_at"`
	UpdatedAt time.Time `bson:"updated_at"`
	Disabled  bool      `bson:"disabled,omitempty"` // may not sign in
	Deleting  bool      `bson:"deleting,omitempty"` // is being deleted, and disabled

	// SessionEpoch grows with each change that ends the account's sessions.
	// Sessions of another epoch have ended, except KeptSession.
	SessionEpoch int64  `bson:"session_epoch,omitempty"`
	KeptSession  string `bson:"kept_session,omitempty"`

	// Networks are hashes of networks that the account has logged in from, the
	// newest last.
	Networks []string `bson:"networks,omitempty"`
}

// UserView is a User as answers show it; all seven fields are always there.
type UserView struct {
	ID           string    `json:"id"`
	Email        string    `json:"email"`
	Name         string    `json:"name"`
	Role         string    `json:"role"`
	AvatarURL    string    `json:"avatarUrl"`
	CreatedAt    time.Time `json:"createdAt"`
	AuthProvider string    `json:"authProvider"`
}

// HashChange replaces the hash of a password.
type HashChange struct {
	From, To    string // hashes
	KeepSession string // the only session that does not end
	At          time.Time
}
