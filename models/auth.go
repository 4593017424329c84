package models

// Registration is the body of POST /auth/register.
type Registration struct {
	Name       string `json:"name"`
	Email      string `json:"email"`
	Password   Secret `json:"password"`
	InviteCode string `json:"inviteCode"`
}

// Login is the body of POST /auth/login.
type Login struct {
	Email    string `json:"email"`
	Password Secret `json:"password"`
}

// ProfileInput is the body of PUT /profile.
type ProfileInput struct {
	Name string `json:"name"`
}

// PasswordChange is the body of PUT /profile/password.
type PasswordChange struct {
	CurrentPassword Secret `json:"currentPassword"`
	NewPassword     Secret `json:"newPassword"`
}

// Session answers register, login and refresh.
type Session struct {
	Token string   `json:"token"`
	User  UserView `json:"user"`
}

// AuthMethods answers GET /auth/methods.
type AuthMethods struct {
	Builtin   BuiltinAuth    `json:"builtin"`
	Providers []AuthProvider `json:"providers"` // never nil
}

// BuiltinAuth says whether people can log in and sign up with a password.
type BuiltinAuth struct {
	Enabled       bool `json:"enabled"`
	SignupEnabled bool `json:"signupEnabled"`
}

// AuthProvider is one external way to log in; Name is its slug in paths.
type AuthProvider struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	Icon        string `json:"icon"`
}
