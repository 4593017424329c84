package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
)

var errTooLongAgo = errors.New("the sign-in is too long ago")

// Authenticate returns whose token it is. The account and the session are
// those of the moment, seen at most identityAge ago; what this server itself
// revoked holds at once.
func (s *Sessions) Authenticate(ctx context.Context, token string) (models.Identity, error) {
	now, key := s.tokens.now(), keyOf(token)
	id, drops, ok := s.known.get(key, now)
	if ok {
		return id, nil
	}
	id, expires, err := s.identify(ctx, token)
	if err != nil {
		return models.Identity{}, err
	}
	until := now.Add(identityAge)
	if expires.Before(until) {
		until = expires
	}
	s.known.put(key, id, until, drops)
	return id, nil
}

// identify checks a token of any kind.
func (s *Sessions) identify(ctx context.Context, token string) (id models.Identity, expires time.Time, err error) {
	if strings.HasPrefix(token, models.APITokenPrefix) {
		return s.identifyAPIToken(ctx, token)
	}
	c, err := s.tokens.parse(token)
	if err != nil {
		return id, expires, err
	}
	of, u, err := s.look(ctx, c.UserID, c.SessionID)
	if err != nil {
		return id, expires, unauthenticated(err)
	}
	s.noteUse(ctx, of)
	return sessionIdentity(of, u), c.ExpiresAt.Time, nil
}

// AuthenticateExpired is Authenticate for a token that may have expired, as
// long as its session lasts. An account that is gone is NotFound.
func (s *Sessions) AuthenticateExpired(ctx context.Context, token string) (models.Identity, error) {
	c, err := s.tokens.parseExpired(token)
	if err != nil {
		return models.Identity{}, err
	}
	of, u, err := s.look(ctx, c.UserID, c.SessionID)
	if err != nil {
		return models.Identity{}, err
	}
	return sessionIdentity(of, u), nil
}

// look returns a session and its account as they are stored now. It is
// NotFound when the account is gone, and Unauthenticated when the session is.
func (s *Sessions) look(ctx context.Context, userID, sessionID string) (models.StoredSession, models.User, error) {
	u, err := s.users.ByID(ctx, userID)
	if err != nil {
		return models.StoredSession{}, u, err
	}
	of, err := s.store.ByID(ctx, sessionID)
	if err != nil {
		return of, u, unauthenticated(err)
	}
	if !of.ValidFor(u, s.tokens.now()) {
		return of, u, invalidSession(errors.New("the session was ended"))
	}
	return of, u, nil
}

// noteUse writes down when a session was used, once in a while. It is no reason
// to turn anybody away.
func (s *Sessions) noteUse(ctx context.Context, of models.StoredSession) {
	now := s.now()
	since := now.Add(-usedEvery)
	if of.LastUsedAt.After(since) {
		return
	}
	if err := s.store.Touch(ctx, of.ID, now, since); err != nil {
		s.log.WarnContext(ctx, "the use of a session could not be noted", "err", err)
	}
}

// check returns the credential's identity as it is now, past every cache.
func (s *Sessions) check(ctx context.Context, id models.Identity) (models.Identity, error) {
	if id.SessionID != "" {
		of, u, err := s.look(ctx, id.UserID, id.SessionID)
		if err != nil {
			return models.Identity{}, unauthenticated(err)
		}
		return sessionIdentity(of, u), nil
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

func sessionIdentity(of models.StoredSession, u models.User) models.Identity {
	return models.Identity{UserID: u.ID, Email: u.Email, Role: u.Role, Scope: models.ScopeSession, SessionID: of.ID}
}

// unauthenticated turns an absence into a session that is not valid.
func unauthenticated(err error) error {
	if models.KindOf(err) == models.NotFound {
		return invalidSession(err)
	}
	return err
}
