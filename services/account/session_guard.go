package account

import (
	"context"
	"slices"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// recheckEvery bounds how long streams and terminals outlive a session that
	// expired, or that another server ended whose message was lost.
	recheckEvery = 30 * time.Second
	// recheckBatch bounds one query of a recheck.
	recheckBatch = 500
)

// Guard ties a stream or a terminal to the caller's credential. It is
// Unauthenticated when the credential has been revoked.
func (s *Sessions) Guard(ctx context.Context, id models.Identity) (*models.SessionGuard, error) {
	ended, release := s.live.guard(id)
	// Registered first and checked then, so that an end in between is not missed.
	if _, err := s.check(ctx, id); err != nil {
		release()
		return nil, err
	}
	return models.NewSessionGuard(ended, release), nil
}

// Run ends what is open for sessions that expired, or that another server ended
// without this one hearing of it. It returns when ctx ends.
func (s *Sessions) Run(ctx context.Context) error {
	tick := time.NewTicker(recheckEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.lost:
		case <-tick.C:
		}
		if err := s.recheck(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "open sessions could not be checked", "err", err)
		}
	}
}

func (s *Sessions) recheck(ctx context.Context) error {
	for batch := range slices.Chunk(s.live.identities(), recheckBatch) {
		ended, err := s.ended(ctx, batch)
		if err != nil {
			return err
		}
		over := func(id models.Identity) bool { return ended[credentialOf(id)] }
		s.known.drop(over)
		s.live.end(over)
	}
	return nil
}

// ended returns which of the credentials are not valid any more.
func (s *Sessions) ended(ctx context.Context, ids []models.Identity) (map[credential]bool, error) {
	var userIDs, sessionIDs, tokenIDs []string
	for _, id := range ids {
		userIDs, sessionIDs, tokenIDs = append(userIDs, id.UserID), append(sessionIDs, id.SessionID), append(tokenIDs, id.TokenID)
	}
	stored, err := s.store.ByIDs(ctx, sessionIDs)
	if err != nil {
		return nil, err
	}
	accounts, err := s.users.ByIDs(ctx, userIDs)
	if err != nil {
		return nil, err
	}
	unexpired, err := s.apiTokens.Unexpired(ctx, tokenIDs)
	if err != nil {
		return nil, err
	}
	users, sessions := map[string]models.User{}, map[string]models.StoredSession{}
	for _, u := range accounts {
		users[u.ID] = u
	}
	for _, one := range stored {
		sessions[one.ID] = one
	}
	ended := map[credential]bool{}
	for _, id := range ids {
		u, exists := users[id.UserID]
		valid := exists && !u.Disabled && unexpired[id.TokenID]
		if id.SessionID != "" {
			valid = exists && sessions[id.SessionID].ValidFor(u, s.tokens.now())
		}
		if !valid {
			ended[credentialOf(id)] = true
		}
	}
	return ended, nil
}
