package account

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	ticketPurpose = "ws-ticket"
	ticketTTL     = 30 * time.Second
)

// Ticket returns a ticket with which the caller can open one WebSocket within
// ticketTTL.
func (s *Sessions) Ticket(ctx context.Context, id models.Identity) (models.Ticket, error) {
	t := models.Ticket{Ticket: rand.Text(), ExpiresAt: s.now().Add(ticketTTL)}
	grant := models.TicketGrant{UserID: id.UserID, SessionID: id.SessionID, TokenID: id.TokenID, Scope: id.Scope}
	return t, s.codes.Put(ctx, ticketPurpose, t.Ticket, grant, t.ExpiresAt)
}

// AuthenticateTicket returns the identity behind a ticket and uses it up. A ticket
// ends with the session that it was made in.
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
