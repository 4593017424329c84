package services

import (
	"context"

	"github.com/kubeorch/core/models"
)

// accountStore is what signing up and in needs of the users' collection.
type accountStore interface {
	HasAdmin(ctx context.Context) (bool, error)
	InsertFirst(ctx context.Context, u models.User) (first bool, err error)
	Insert(ctx context.Context, u models.User) error
	ByEmail(ctx context.Context, email string) (models.User, error)
	ByID(ctx context.Context, id string) (models.User, error)
}

// AuthRules says who may sign up and in.
type AuthRules struct {
	Enabled        bool
	SignupEnabled  bool
	AllowedDomains []string // lower-case; empty allows all
}

// Auth signs people up and in. It is safe for concurrent use.
type Auth struct {
	rules     AuthRules
	users     accountStore
	invites   *Settings
	passwords *Passwords
	tokens    *Tokens
	known     identityCache
}

// NewAuth returns a service over users. invites holds the code that accounts
// after the first need.
func NewAuth(rules AuthRules, users accountStore, invites *Settings, passwords *Passwords, tokens *Tokens) *Auth {
	return &Auth{rules: rules, users: users, invites: invites, passwords: passwords, tokens: tokens}
}

// Methods tells how people can log in.
func (a *Auth) Methods() models.AuthMethods {
	return models.AuthMethods{
		Builtin:   models.BuiltinAuth{Enabled: a.rules.Enabled, SignupEnabled: a.rules.Enabled && a.rules.SignupEnabled},
		Providers: []models.AuthProvider{},
	}
}

// Login starts a session. A wrong e-mail and a wrong password are the same
// Unauthenticated error after the same time.
func (a *Auth) Login(ctx context.Context, in models.Login) (models.Session, error) {
	const op = "services.Auth.Login"
	var p models.Problems
	if in.Email == "" {
		p.Addf("email", "is required")
	}
	if in.Password.Empty() {
		p.Addf("password", "is required")
	}
	if err := p.Err(op); err != nil {
		return models.Session{}, err
	}
	if !a.rules.Enabled {
		return models.Session{}, forbidden(op, "logging in with a password is disabled")
	}
	u, err := a.users.ByEmail(ctx, normalEmail(in.Email))
	if err != nil && models.KindOf(err) != models.NotFound {
		return models.Session{}, err
	}
	ok, err := a.passwords.Match(ctx, u.PasswordHash, in.Password)
	if err != nil {
		return models.Session{}, err
	}
	if !ok {
		return models.Session{}, &models.Error{Op: op, Kind: models.Unauthenticated, Msg: "the e-mail address or the password is wrong"}
	}
	return a.session(u)
}

// Refresh exchanges a token, also one that has expired, for a new one of the
// same session, as long as the login is recent enough.
func (a *Auth) Refresh(ctx context.Context, token string) (models.Session, error) {
	c, err := a.tokens.parseOld(token)
	if err != nil {
		return models.Session{}, err
	}
	u, err := a.users.ByID(ctx, c.UserID)
	if err != nil {
		return models.Session{}, err
	}
	fresh, err := a.tokens.sign(u, c.SessionID, c.AuthTime.Time)
	if err != nil {
		return models.Session{}, err
	}
	return models.Session{Token: fresh, User: userView(u)}, nil
}

// Authenticate returns whose token it is. The role is the account's present
// one, seen at most identityAge ago.
func (a *Auth) Authenticate(ctx context.Context, token string) (models.Identity, error) {
	c, err := a.tokens.parse(token)
	if err != nil {
		return models.Identity{}, err
	}
	id, ok := a.known.get(c.UserID, a.tokens.now())
	if !ok {
		u, err := a.users.ByID(ctx, c.UserID)
		if err != nil && models.KindOf(err) == models.NotFound {
			return models.Identity{}, invalidSession(err)
		}
		if err != nil {
			return models.Identity{}, err
		}
		id = models.Identity{UserID: u.ID, Email: u.Email, Role: u.Role}
		a.known.put(id, a.tokens.now())
	}
	id.Scope, id.SessionID = models.ScopeSession, c.SessionID
	return id, nil
}

func (a *Auth) session(u models.User) (models.Session, error) {
	token, err := a.tokens.login(u)
	if err != nil {
		return models.Session{}, err
	}
	return models.Session{Token: token, User: userView(u)}, nil
}

func newUser(in models.Registration, hash string) models.User {
	now := timestamp()
	return models.User{
		ID: models.NewID(), Email: in.Email, Name: in.Name, PasswordHash: hash,
		Role: models.RoleUser, CreatedAt: now, UpdatedAt: now,
	}
}

func forbidden(op, msg string) error {
	return &models.Error{Op: op, Kind: models.Forbidden, Msg: msg}
}
