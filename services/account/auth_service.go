package account

import (
	"context"
	"slices"
	"strings"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/utils"
)

// accountStore is what signing up and in needs of the users' collection.
type accountStore interface {
	HasAdmin(ctx context.Context) (bool, error)
	InsertFirst(ctx context.Context, u models.User) (first bool, err error)
	Insert(ctx context.Context, u models.User) error
	ByEmail(ctx context.Context, email string) (models.User, error)
	ByID(ctx context.Context, id string) (models.User, error)
}

// loginStore keeps what a login leaves with its account.
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
	Invites   *Invites // whom accounts after the first need
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

// Methods tells how people can log in.
func (a *Auth) Methods() models.AuthMethods {
	return models.AuthMethods{
		Builtin:   models.BuiltinAuth{Enabled: a.rules.Enabled, SignupEnabled: a.rules.Enabled && a.rules.SignupEnabled},
		Providers: append([]models.AuthProvider{}, a.rules.Providers...),
	}
}

// Login starts a session. A wrong e-mail and a wrong password are the same
// Unauthenticated error after the same time; only who knows the password
// learns that an account is disabled. Who has failed too often is told to wait
// by a TooMany error, also with the right password.
func (a *Auth) Login(ctx context.Context, in models.Login) (models.Session, error) {
	const op = "account.Auth.Login"
	var p models.Problems
	switch {
	case in.Email == "":
		p.Addf("email", "is required")
	case len(in.Email) > 2*utils.MaxEmail: // nobody's, and too long to look for
		p.Addf("email", "must be an e-mail address")
	}
	if in.Password.Empty() {
		p.Addf("password", "is required")
	}
	if err := p.Err(op); err != nil {
		return models.Session{}, err
	}
	noteClaimed(ctx, utils.NormalEmail(in.Email))
	if !a.rules.Enabled {
		return models.Session{}, forbidden(op, "logging in with a password is disabled")
	}
	u, err := a.users.ByEmail(ctx, utils.NormalEmail(in.Email))
	if err != nil && models.KindOf(err) != models.NotFound {
		return models.Session{}, err
	}
	match, err := a.tryPassword(ctx, utils.NormalEmail(in.Email), u, in.Password)
	if err != nil {
		return models.Session{}, err
	}
	if !match.ok {
		return models.Session{}, &models.Error{Op: op, Kind: models.Unauthenticated, Msg: "the e-mail address or the password is wrong"}
	}
	if match.outdated {
		a.rehash(ctx, u, in.Password)
	}
	return a.StartSession(ctx, u, models.SessionByPassword)
}

// rehash stores a hash of the kind that Hash makes. The time that it takes to
// compare others differs, and so tells which addresses have an account.
func (a *Auth) rehash(ctx context.Context, u models.User, password models.Secret) {
	// When this fails, the next login does it.
	if hash, err := a.passwords.Hash(ctx, password); err == nil {
		_ = a.logins.Rehash(ctx, u.ID, u.PasswordHash, hash)
	}
}

// StartSession signs in somebody who was authenticated just now, as u. method
// is SessionByPassword or a provider's slug. A disabled account is Forbidden.
func (a *Auth) StartSession(ctx context.Context, u models.User, method string) (models.Session, error) {
	s, err := a.sessions.Start(ctx, u, method)
	if err == nil {
		a.remember(ctx, u)
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

// noteClaimed says on a public route as whom somebody tries to come in, if it
// has the form of an address: people type passwords into that field.
func noteClaimed(ctx context.Context, email string) {
	_, domain, _ := strings.Cut(email, "@")
	if utils.ValidEmail(email) && strings.Contains(domain, ".") {
		models.NoteActorForAudit(ctx, "", email)
	}
}
