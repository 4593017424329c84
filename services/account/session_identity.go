package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
)

// apiTokens authenticates API tokens and tells which have not expired.
type apiTokens interface {
	Identify(ctx context.Context, token string) (id models.Identity, expires time.Time, err error)
	Unexpired(ctx context.Context, ids []string) (map[string]bool, error)
}

var errTooLongAgo = errors.New("the sign-in is too long ago")

// Authenticate returns the identity behind a token. It may be identityAge old as
// long as no other server can change it; what this server itself revoked takes
// effect at once.
func (s *Sessions) Authenticate(ctx context.Context, token string) (id models.Identity, err error) {
	now, key, alone := s.tokens.now(), keyOf(token), s.peers.Alone()
	var drops uint64
	if alone {
		var ok bool
		if id, drops, ok = s.known.get(key, now); ok {
			return id, nil
		}
	}
	id, expires, err := s.identify(ctx, token)
	if err != nil {
		return models.Identity{}, err
	}
	if alone && s.peers.Alone() { // another one may have come meanwhile
		until := now.Add(identityAge)
		if expires.Before(until) {
			until = expires
		}
		s.known.put(key, id, until, drops)
	}
	return id, nil
}

// identify checks a session token or an API token.
func (s *Sessions) identify(ctx context.Context, token string) (id models.Identity, expires time.Time, err error) {
	if strings.HasPrefix(token, models.APITokenPrefix) {
		return s.identifyAPIToken(ctx, token)
	}
	c, err := s.tokens.parse(token)
	if err != nil {
		return id, expires, err
	}
	stored, u, err := s.load(ctx, c.UserID, c.SessionID)
	if err != nil {
		return id, expires, unauthenticated(err)
	}
	s.touch(ctx, stored)
	return sessionIdentity(stored, u), c.ExpiresAt.Time, nil
}

// identifyAPIToken checks an API token and its account.
func (s *Sessions) identifyAPIToken(ctx context.Context, token string) (id models.Identity, expires time.Time, err error) {
	id, expires, err = s.apiTokens.Identify(ctx, token)
	if err != nil {
		return id, expires, err
	}
	id, err = s.ofAccount(ctx, id)
	return id, expires, err
}

// ofAccount completes the identity of an API token from its account.
func (s *Sessions) ofAccount(ctx context.Context, id models.Identity) (models.Identity, error) {
	u, err := s.users.ByID(ctx, id.UserID)
	switch {
	case err != nil:
		return models.Identity{}, unauthenticated(err)
	case u.Disabled:
		return models.Identity{}, invalidSession(errors.New("the account is disabled"))
	}
	id.Email, id.Role = u.Email, u.Role
	return id, nil
}

// AuthenticateExpired is Authenticate for a token that may have expired, as
// long as its session lasts. An account that is gone is NotFound.
func (s *Sessions) AuthenticateExpired(ctx context.Context, token string) (models.Identity, error) {
	c, err := s.tokens.parseExpired(token)
	if err != nil {
		return models.Identity{}, err
	}
	stored, u, err := s.load(ctx, c.UserID, c.SessionID)
	if err != nil {
		return models.Identity{}, err
	}
	return sessionIdentity(stored, u), nil
}

// load reads a session and its account. It is NotFound when the account is gone,
// and Unauthenticated when the session is.
func (s *Sessions) load(ctx context.Context, userID, sessionID string) (models.StoredSession, models.User, error) {
	u, err := s.users.ByID(ctx, userID)
	if err != nil {
		return models.StoredSession{}, u, err
	}
	stored, err := s.store.ByID(ctx, sessionID)
	if err != nil {
		return stored, u, unauthenticated(err)
	}
	if !stored.ValidFor(u, s.tokens.now()) {
		return stored, u, invalidSession(errors.New("the session was ended"))
	}
	return stored, u, nil
}

// touch stores when a session was used, once in touchEvery. A failure is logged.
func (s *Sessions) touch(ctx context.Context, stored models.StoredSession) {
	now := s.now()
	since := now.Add(-touchEvery)
	if stored.LastUsedAt.After(since) {
		return
	}
	if err := s.store.Touch(ctx, stored.ID, now, since); err != nil {
		s.log.WarnContext(ctx, "the use of a session could not be stored", "err", err)
	}
}

// check returns the credential's identity as it is stored now.
func (s *Sessions) check(ctx context.Context, id models.Identity) (models.Identity, error) {
	if id.SessionID != "" {
		stored, u, err := s.load(ctx, id.UserID, id.SessionID)
		if err != nil {
			return models.Identity{}, unauthenticated(err)
		}
		return sessionIdentity(stored, u), nil
	}
	good, err := s.apiTokens.Unexpired(ctx, []string{id.TokenID})
	if err != nil {
		return models.Identity{}, err
	}
	if !good[id.TokenID] {
		return models.Identity{}, badAPIToken(errors.New("it is gone"))
	}
	return s.ofAccount(ctx, id)
}

func sessionIdentity(s models.StoredSession, u models.User) models.Identity {
	return models.Identity{UserID: u.ID, Email: u.Email, Role: u.Role, Scope: models.ScopeSession, SessionID: s.ID}
}

// unauthenticated turns NotFound into an invalid session.
func unauthenticated(err error) error {
	if models.KindOf(err) == models.NotFound {
		return invalidSession(err)
	}
	return err
}
