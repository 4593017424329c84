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
	Deleting  bool      `bson:"deleting,omitempty"` // is being taken apart, and disabled

	// SessionEpoch grows with each change that ends the account's sessions;
	// those of another epoch are over, except KeptSession.
	SessionEpoch int64  `bson:"session_epoch,omitempty"`
	KeptSession  string `bson:"kept_session,omitempty"`

	// Networks are hashes of the networks that the account has logged in from,
	// the last one last.
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

// HashChange is the change of a password as it is stored.
type HashChange struct {
	From, To    string // hashes
	KeepSession string // the session that goes on; the others are over
	At          time.Time
}
