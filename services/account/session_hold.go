package account

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// recheckEvery is how soon what is open for a session ends that expired
	// or that another server ended.
	recheckEvery = 30 * time.Second
	// recheckBatch bounds one query of a recheck.
	recheckBatch = 500

	ticketPurpose = "ws-ticket"
	ticketLasts   = 30 * time.Second
)

// Guard ties something that stays open to the caller's credential. It is
// Unauthenticated when the credential was revoked meanwhile.
func (s *Sessions) Guard(ctx context.Context, id models.Identity) (*models.SessionGuard, error) {
	ended, release := s.live.hold(id)
	// Only who looks after it is on the list cannot miss the end.
	if _, err := s.check(ctx, id); err != nil {
		release()
		return nil, err
	}
	return models.NewSessionGuard(ended, release), nil
}

// Run ends what is open for sessions that expired, or that another server
// ended, until ctx ends.
func (s *Sessions) Run(ctx context.Context) error {
	tick := time.NewTicker(recheckEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.recheck(ctx); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "open sessions could not be checked", "err", err)
			}
		}
	}
}

func (s *Sessions) recheck(ctx context.Context) error {
	for batch := range slices.Chunk(s.live.identities(), recheckBatch) {
		over, err := s.over(ctx, batch)
		if err != nil {
			return err
		}
		s.drop(func(id models.Identity) bool { return over[credentialOf(id)] })
	}
	return nil
}

// over returns which of the credentials are good no more.
func (s *Sessions) over(ctx context.Context, ids []models.Identity) (map[credential]bool, error) {
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
	goodTokens, err := s.apiTokens.Unexpired(ctx, tokenIDs)
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
	over := map[credential]bool{}
	for _, id := range ids {
		u, exists := users[id.UserID]
		good := exists && !u.Disabled && goodTokens[id.TokenID]
		if id.SessionID != "" {
			good = exists && sessions[id.SessionID].ValidFor(u, s.tokens.now())
		}
		if !good {
			over[credentialOf(id)] = true
		}
	}
	return over, nil
}

// Ticket returns what lets the caller open one WebSocket soon.
func (s *Sessions) Ticket(ctx context.Context, id models.Identity) (models.Ticket, error) {
	t := models.Ticket{Ticket: rand.Text(), ExpiresAt: s.now().Add(ticketLasts)}
	grant := models.TicketGrant{UserID: id.UserID, SessionID: id.SessionID, TokenID: id.TokenID, Scope: id.Scope}
	return t, s.codes.Put(ctx, ticketPurpose, t.Ticket, grant, t.ExpiresAt)
}

// AuthenticateTicket returns whom a ticket stands for, and uses it up. A
// ticket does not outlive the session it was made in.
func (s *Sessions) AuthenticateTicket(ctx context.Context, ticket string) (models.Identity, error) {
	var g models.TicketGrant
	if err := s.codes.Take(ctx, ticketPurpose, ticket, s.tokens.now(), &g); err != nil {
		if models.KindOf(err) != models.NotFound {
			return models.Identity{}, err
		}
		return models.Identity{}, &models.Error{
			Op: "account.Sessions.AuthenticateTicket", Kind: models.Unauthenticated,
			Msg: "the ticket is unknown, used or expired; ask for a new one", Err: err,
		}
	}
	return s.check(ctx, models.Identity{UserID: g.UserID, SessionID: g.SessionID, TokenID: g.TokenID, Scope: g.Scope})
}
