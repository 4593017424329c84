package account

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	apiTokenDays    = 90
	maxAPITokenDays = 365
)

// apiTokenStore keeps the tokens.
type apiTokenStore interface {
	Insert(ctx context.Context, t models.APIToken, most int) error
	List(ctx context.Context, userID string) ([]models.APIToken, error)
	Delete(ctx context.Context, userID, id string) (models.APIToken, error)
	DeleteAll(ctx context.Context, userID string) error
}

// tokenOwners reads accounts.
type tokenOwners interface {
	ByID(ctx context.Context, id string) (models.User, error)
}

// tokenEnder ends what is open for a revoked token.
type tokenEnder interface {
	EndToken(tokenID string)
}

// APITokens makes and revokes API tokens. It is safe for concurrent use.
type APITokens struct {
	store apiTokenStore
	users tokenOwners
	ender tokenEnder
	limit int // of each account
	now   func() time.Time
}

// NewAPITokens returns a service over store, which allows an account limit tokens;
// 0 is any number. now is the clock.
func NewAPITokens(store apiTokenStore, users tokenOwners, ender tokenEnder, limit int, now func() time.Time) *APITokens {
	if limit == 0 {
		limit = math.MaxInt32
	}
	return &APITokens{store, users, ender, limit, now}
}

// Create makes a token for an account. Only this answer holds the token itself.
func (s *APITokens) Create(ctx context.Context, userID string, in models.APITokenInput) (models.NewAPIToken, error) {
	in.Name = strings.TrimSpace(in.Name)
	days := apiTokenDays
	if in.ExpiresInDays != nil {
		days = *in.ExpiresInDays
	}
	var p models.Problems
	checkName(&p, in.Name)
	if !in.Scope.Valid() || in.Scope == models.ScopeSession {
		p.Addf("scope", "must be one of %s, %s, %s", models.ScopeRead, models.ScopeDeploy, models.ScopeAdmin)
	}
	if days < 1 || days > maxAPITokenDays {
		p.Addf("expiresInDays", "must be between 1 and %d", maxAPITokenDays)
	}
	if err := p.Err("account.APITokens.Create"); err != nil {
		return models.NewAPIToken{}, err
	}
	token := newAPIToken()
	hash, err := hashAPIToken(token)
	if err != nil {
		return models.NewAPIToken{}, err
	}
	now := models.StoredTime(s.now())
	t := models.APIToken{
		ID: models.NewID(), UserID: userID, Name: in.Name, Scope: in.Scope, Prefix: token[:apiTokenShown], Hash: hash,
		CreatedAt: now, ExpiresAt: now.AddDate(0, 0, days),
	}
	if err := s.store.Insert(ctx, t, s.limit); err != nil {
		return models.NewAPIToken{}, err
	}
	noteToken(ctx, t)
	return models.NewAPIToken{Token: token, APIToken: t}, nil
}

// List returns an account's tokens, the newest first.
func (s *APITokens) List(ctx context.Context, userID string) ([]models.APIToken, error) {
	return s.store.List(ctx, userID)
}

// ListOf is List for administrators. An unknown account is NotFound.
func (s *APITokens) ListOf(ctx context.Context, userID string) ([]models.APIToken, error) {
	if _, err := s.users.ByID(ctx, userID); err != nil {
		return nil, err
	}
	return s.store.List(ctx, userID)
}

// Revoke ends one of an account's tokens and what is open for it. Another account's
// token is NotFound.
func (s *APITokens) Revoke(ctx context.Context, userID, id string) error {
	t, err := s.store.Delete(ctx, userID, id)
	if err != nil {
		return err
	}
	s.ender.EndToken(id)
	noteToken(ctx, t)
	return nil
}

// RevokeAll deletes all tokens of an account. The caller ends the account's
// sessions afterwards, which also ends what is open for the tokens.
func (s *APITokens) RevokeAll(ctx context.Context, userID string) error {
	return s.store.DeleteAll(ctx, userID)
}

func noteToken(ctx context.Context, t models.APIToken) {
	models.NoteForAudit(ctx, "token", t.ID)
	models.NoteForAudit(ctx, "name", t.Name)
	models.NoteForAudit(ctx, "scope", string(t.Scope))
}
