package account

import (
	"context"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/utils"
)

// profileStore reads and changes accounts for their owners.
type profileStore interface {
	ByID(ctx context.Context, id string) (models.User, error)
	SetName(ctx context.Context, id, name string, at time.Time) (models.User, error)
	SetPasswordHash(ctx context.Context, id string, c models.HashChange) error
}

// otherSessions ends the sessions of an account except the one that asks.
type otherSessions interface {
	EndOthers(ctx context.Context, id models.Identity) error
}

// workflowUsage tells how many workflows an account has, and their size.
type workflowUsage interface {
	Usage(ctx context.Context, owner string) (models.AccountUsage, error)
}

// apiTokenCounter counts the API tokens of an account.
type apiTokenCounter interface {
	Count(ctx context.Context, userID string) (int64, error)
}

// Allowance tells what accounts may have and what they have.
type Allowance struct {
	Limits    models.AccountLimits
	Workflows workflowUsage
	APITokens apiTokenCounter
}

// Users serves people's own accounts. It is safe for concurrent use.
type Users struct {
	store     profileStore
	passwords *Passwords
	attempts  *Attempts
	sessions  otherSessions
	allowance Allowance
}

// NewUsers returns a service over store.
func NewUsers(store profileStore, passwords *Passwords, attempts *Attempts, sessions otherSessions, allowance Allowance) *Users {
	return &Users{store, passwords, attempts, sessions, allowance}
}

// Profile returns an account as its owner sees it.
func (s *Users) Profile(ctx context.Context, userID string) (p models.Profile, err error) {
	u, err := s.store.ByID(ctx, userID)
	if err != nil {
		return p, err
	}
	p.User, p.Limits = userView(u), s.allowance.Limits
	if p.Usage, err = s.allowance.Workflows.Usage(ctx, userID); err != nil {
		return p, err
	}
	p.Usage.APITokens, err = s.allowance.APITokens.Count(ctx, userID)
	return p, err
}

// Rename changes the name of an account.
func (s *Users) Rename(ctx context.Context, userID string, in models.ProfileInput) (models.UserView, error) {
	name := strings.TrimSpace(in.Name)
	var p models.Problems
	checkName(&p, name)
	if err := p.Err("account.Users.Rename"); err != nil {
		return models.UserView{}, err
	}
	u, err := s.store.SetName(ctx, userID, name, models.Now())
	if err != nil {
		return models.UserView{}, err
	}
	return userView(u), nil
}

// ChangePassword replaces the password of an account that has one, and ends its
// sessions except the one that asks. A wrong current password is Invalid:
// the session is still good. After too many of them it is TooMany.
func (s *Users) ChangePassword(ctx context.Context, by models.Identity, in models.PasswordChange) error {
	const op = "account.Users.ChangePassword"
	var p models.Problems
	if in.CurrentPassword.Empty() {
		p.Addf("currentPassword", "is required")
	}
	checkPassword(&p, "newPassword", in.NewPassword)
	if err := p.Err(op); err != nil {
		return err
	}
	u, err := s.store.ByID(ctx, by.UserID)
	if err != nil {
		return err
	}
	if u.PasswordHash == "" {
		return &models.Error{Op: op, Kind: models.Invalid, Msg: "this account logs in through " + u.AuthProvider + " and has no password"}
	}
	ok, err := s.matchCurrent(ctx, u, in.CurrentPassword)
	if err != nil {
		return err
	}
	if !ok {
		return &models.Error{Op: op, Kind: models.Invalid, Msg: "the current password is wrong"}
	}
	hash, err := s.passwords.Hash(ctx, in.NewPassword)
	if err != nil {
		return err
	}
	change := models.HashChange{From: u.PasswordHash, To: hash, KeepSession: by.SessionID, At: models.Now()}
	if err := s.store.SetPasswordHash(ctx, by.UserID, change); err != nil {
		return err
	}
	return s.sessions.EndOthers(ctx, by)
}

// matchCurrent reports whether password is that of u, and counts wrong ones.
func (s *Users) matchCurrent(ctx context.Context, u models.User, password models.Secret) (bool, error) {
	try, err := s.attempts.change(ctx, u.ID)
	if err != nil {
		return false, err
	}
	ok, err := s.passwords.Match(ctx, u.PasswordHash, password)
	switch {
	case err != nil:
		try.takeBack(ctx)
	case ok:
		try.succeeded(ctx)
	}
	return ok, err
}

func userView(u models.User) models.UserView {
	return models.UserView{
		ID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role,
		AvatarURL: utils.Gravatar(u.Email), CreatedAt: u.CreatedAt, AuthProvider: u.AuthProvider,
	}
}
