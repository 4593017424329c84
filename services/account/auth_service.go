package account

import (
	"context"
	"slices"
	"strings"

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

// loginStore stores the hash and the network of a login.
type loginStore interface {
	Rehash(ctx context.Context, userID, from, to string) error
	AddNetwork(ctx context.Context, userID, network string) error
}

// AuthRules says who may sign up and in.
type AuthRules struct {
	Enabled        bool
	SignupEnabled  bool
	AllowedDomains []string // lower-case; empty allows all
	Providers      []models.AuthProvider
}

// allows reports whether an e-mail address may sign up.
func (r AuthRules) allows(email string) bool {
	_, domain, _ := strings.Cut(email, "@")
	return len(r.AllowedDomains) == 0 || slices.Contains(r.AllowedDomains, domain)
}

// Auth signs people up and in. It is safe for concurrent use.
type Auth struct {
	rules     AuthRules
	users     accountStore
	invites   *Invites
	passwords *Passwords
	sessions  *Sessions
	attempts  *Attempts
	logins    loginStore
}

// AuthDeps is what Auth works with.
type AuthDeps struct {
	Rules     AuthRules
	Users     accountStore
	Invites   *Invites // for every account after the first
	Passwords *Passwords
	Sessions  *Sessions
	Attempts  *Attempts
	Logins    loginStore
}

// NewAuth returns a service over d.
func NewAuth(d AuthDeps) *Auth {
	return &Auth{
		rules: d.Rules, users: d.Users, invites: d.Invites, passwords: d.Passwords, sessions: d.Sessions,
		attempts: d.Attempts, logins: d.Logins,
	}
}

// Methods returns the ways to log in.
func (a *Auth) Methods() models.AuthMethods {
	return models.AuthMethods{
		Builtin:   models.BuiltinAuth{Enabled: a.rules.Enabled, SignupEnabled: a.rules.Enabled && a.rules.SignupEnabled},
		Providers: append([]models.AuthProvider{}, a.rules.Providers...),
	}
}

// StartSession signs in u, who was authenticated just now. method
// is SessionByPassword or a provider's slug. A disabled account is Forbidden.
func (a *Auth) StartSession(ctx context.Context, u models.User, method string) (models.Session, error) {
	s, err := a.sessions.Start(ctx, u, method)
	if err == nil {
		a.addNetwork(ctx, u)
	}
	return s, err
}

// Refresh returns a new token of the same session, as long as the login is
// recent enough. id comes from a token that may have expired.
func (a *Auth) Refresh(ctx context.Context, id models.Identity) (models.Session, error) {
	return a.sessions.Refresh(ctx, id)
}

func newUser(in models.Registration, hash string) models.User {
	now := models.Now()
	return models.User{
		ID: models.NewID(), Email: in.Email, Name: in.Name, PasswordHash: hash,
		Role: models.RoleUser, CreatedAt: now, UpdatedAt: now,
	}
}

func forbidden(op, msg string) error {
	return &models.Error{Op: op, Kind: models.Forbidden, Msg: msg}
}
