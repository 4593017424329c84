package models

import "time"

// InviteSettings answers GET /settings/regenerate-setting.
type InviteSettings struct {
	RegenerateAfterSignup bool   `json:"regenerateAfterSignup" bson:"regenerate_after_signup"`
	InviteCode            string `json:"inviteCode" bson:"invite_code"` // 6 digits

	FailedAttempts int        `json:"failedAttempts" bson:"failed_attempts"` // wrong codes since this one was generated
	LastFailedAt   *time.Time `json:"lastFailedAt,omitempty" bson:"last_failed_at,omitempty"`

	// GuessesUntil is when all wrong codes are forgotten, in milliseconds of Unix
	// time.
	GuessesUntil int64 `json:"-" bson:"guesses_until"`
}

// InvitePatch is the body of PUT /settings/regenerate-setting.
type InvitePatch struct {
	RegenerateAfterSignup *bool `json:"regenerateAfterSignup"`
}
