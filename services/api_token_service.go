package services

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	maxAPITokens     = 50 // of an account
	apiTokenDays     = 90
	maxAPITokenDays  = 365
	apiTokenTouch    = time.Minute     // how exact the time of the last use is
	apiTokenTouching = 2 * time.Second // what a slow database can add to a request
)

// apiTokenStore keeps the tokens.
type apiTokenStore interface {
	Insert(ctx context.Context, t models.APIToken, most int) error
	ByHash(ctx context.Context, hash string) (models.APIToken, error)
	List(ctx context.Context, userID string) ([]models.APIToken, error)
	Delete(ctx context.Context, userID, id string) (models.APIToken, error)
	apiTokenUpkeep
}

type apiTokenUpkeep interface {
	DeleteAll(ctx context.Context, userID string) error
	Touch(ctx context.Context, id string, at time.Time) error
}

// APITokens makes, checks and revokes API tokens. It is safe for concurrent
// use.
type APITokens struct {
	store apiTokenStore
	log   *slog.Logger
	now   func() time.Time
	known apiTokenCache
}

// NewAPITokens returns a service over store. now is the clock.
func NewAPITokens(store apiTokenStore, log *slog.Logger, now func() time.Time) *APITokens {
	return &APITokens{store: store, log: log, now: now}
}

// Create makes a token for an account and returns it, this once.
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
	if err := p.Err("services.APITokens.Create"); err != nil {
		return models.NewAPIToken{}, err
	}
	token := newAPIToken()
	hash, err := hashAPIToken(token)
	if err != nil {
		return models.NewAPIToken{}, err
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	t := models.APIToken{
		ID: models.NewID(), UserID: userID, Name: in.Name, Scope: in.Scope, Prefix: token[:apiTokenShown], Hash: hash,
		CreatedAt: now, ExpiresAt: now.AddDate(0, 0, days),
	}
	if err := s.store.Insert(ctx, t, maxAPITokens); err != nil {
		return models.NewAPIToken{}, err
	}
	noteToken(ctx, t)
	return models.NewAPIToken{Token: token, APIToken: t}, nil
}

// List returns an account's tokens, the newest first.
func (s *APITokens) List(ctx context.Context, userID string) ([]models.APIToken, error) {
	return s.store.List(ctx, userID)
}

// Revoke ends one of an account's tokens: here at once, in other processes
// within apiTokenAge. Somebody else's is NotFound.
func (s *APITokens) Revoke(ctx context.Context, userID, id string) error {
	t, err := s.store.Delete(ctx, userID, id)
	if err != nil {
		return err
	}
	s.known.forget(func(c models.APIToken) bool { return c.ID == id })
	noteToken(ctx, t)
	return nil
}

// RevokeAll ends all tokens of an account, as Revoke does.
func (s *APITokens) RevokeAll(ctx context.Context, userID string) error {
	if err := s.store.DeleteAll(ctx, userID); err != nil {
		return err
	}
	s.known.forget(func(c models.APIToken) bool { return c.UserID == userID })
	return nil
}

// Identify returns the account, the scope and the id of a token; it says
// nothing about whether the account still may do anything. A token that is not
// valid is an Unauthenticated error.
func (s *APITokens) Identify(ctx context.Context, token string) (models.Identity, error) {
	hash, err := hashAPIToken(token)
	if err != nil {
		return models.Identity{}, err
	}
	now := s.now()
	t, ok, turn := s.known.get(hash, now)
	if !ok {
		t, err = s.store.ByHash(ctx, hash)
		if models.KindOf(err) == models.NotFound && err != nil {
			return models.Identity{}, badAPIToken(err)
		}
		if err != nil {
			return models.Identity{}, err
		}
		s.known.put(t, now, turn)
	}
	if !now.Before(t.ExpiresAt) {
		return models.Identity{}, badAPIToken(nil)
	}
	if s.known.due(t, now) {
		s.touch(ctx, t.ID, now)
	}
	return models.Identity{UserID: t.UserID, Scope: t.Scope, TokenID: t.ID}, nil
}

// touch stores when a token was used. Failing to is no reason to refuse it.
func (s *APITokens) touch(ctx context.Context, id string, at time.Time) {
	ctx, cancel := context.WithTimeout(ctx, apiTokenTouching)
	defer cancel()
	if err := s.store.Touch(ctx, id, at.UTC().Truncate(time.Millisecond)); err != nil {
		s.log.WarnContext(ctx, "the use of an API token could not be stored", "api_token", id, "err", err)
	}
}

func noteToken(ctx context.Context, t models.APIToken) {
	models.NoteForAudit(ctx, "token", t.ID)
	models.NoteForAudit(ctx, "name", t.Name)
	models.NoteForAudit(ctx, "scope", string(t.Scope))
}
