package account

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	apiTokenTouchEvery = time.Minute // precision of the time of last use
	// apiTokenTouchTimeout bounds the wait for a slow database.
	apiTokenTouchTimeout = 2 * time.Second
	// apiTokenCount bounds the memory. Beyond it the times of use are forgotten,
	// and stored once more.
	apiTokenCount = 10_000
)

// apiTokenReader finds tokens and stores when they were used.
type apiTokenReader interface {
	ByHash(ctx context.Context, hash string) (models.APIToken, error)
	Unexpired(ctx context.Context, ids []string, now time.Time) (map[string]bool, error)
	Touch(ctx context.Context, id string, at time.Time) error
}

// APITokenCheck authenticates API tokens. It is safe for concurrent use.
type APITokenCheck struct {
	store apiTokenReader
	log   *slog.Logger
	now   func() time.Time

	mu      sync.Mutex
	touched map[string]time.Time // by token id
}

// NewAPITokenCheck returns a check of the tokens in store. now is the clock.
func NewAPITokenCheck(store apiTokenReader, log *slog.Logger, now func() time.Time) *APITokenCheck {
	return &APITokenCheck{store: store, log: log, now: now}
}

// Identify returns the account, the scope and the id of a token, and when it
// expires. The caller checks the account. An invalid token is Unauthenticated.
func (s *APITokenCheck) Identify(ctx context.Context, token string) (id models.Identity, expires time.Time, err error) {
	hash, err := hashAPIToken(token)
	if err != nil {
		return id, expires, err
	}
	t, err := s.store.ByHash(ctx, hash)
	now := s.now()
	switch {
	case err != nil && models.KindOf(err) == models.NotFound:
		return id, expires, badAPIToken(err)
	case err != nil:
		return id, expires, err
	case !now.Before(t.ExpiresAt):
		return id, expires, badAPIToken(nil)
	}
	if s.due(t, now) {
		s.touch(ctx, t.ID, now)
	}
	return models.Identity{UserID: t.UserID, Scope: t.Scope, TokenID: t.ID}, t.ExpiresAt, nil
}

// Unexpired returns which of the tokens with these ids are valid now. Empty ids
// are ignored.
func (s *APITokenCheck) Unexpired(ctx context.Context, ids []string) (map[string]bool, error) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "" })
	if len(ids) == 0 {
		return map[string]bool{}, nil
	}
	return s.store.Unexpired(ctx, ids, s.now())
}

// due reports, once in apiTokenTouchEvery, that the use of t should be stored.
func (s *APITokenCheck) due(t models.APIToken, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.touched[t.ID]
	if t.LastUsedAt != nil && t.LastUsedAt.After(last) {
		last = *t.LastUsedAt
	}
	if now.Sub(last) < apiTokenTouchEvery {
		return false
	}
	if s.touched == nil || len(s.touched) >= apiTokenCount {
		s.touched = make(map[string]time.Time)
	}
	s.touched[t.ID] = now
	return true
}

// touch stores when a token was used. A failure is logged; the token stays valid.
func (s *APITokenCheck) touch(ctx context.Context, id string, at time.Time) {
	ctx, cancel := context.WithTimeout(ctx, apiTokenTouchTimeout)
	defer cancel()
	if err := s.store.Touch(ctx, id, models.StoredTime(at)); err != nil {
		s.log.WarnContext(ctx, "the use of an API token could not be stored", "api_token", id, "err", err)
	}
}
