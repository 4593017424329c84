package models

// InviteSettings answers GET /settings/regenerate-setting.
type InviteSettings struct {
	RegenerateAfterSignup bool   `json:"regenerateAfterSignup" bson:"regenerate_after_signup"`
	InviteCode            string `json:"inviteCode" bson:"invite_code"` // 6 digits
}

// InvitePatch is the body of PUT /settings/regenerate-setting.
type InvitePatch struct {
	RegenerateAfterSignup *bool `json:"regenerateAfterSignup"`
}
