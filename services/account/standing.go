package account

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
)

// standingUsers finds accounts.
type standingUsers interface {
	ByID(ctx context.Context, id string) (models.User, error)
}

// standingTokens finds API tokens that are good.
type standingTokens interface {
	Unexpired(ctx context.Context, ids []string, now time.Time) (map[string]bool, error)
}

// Standing answers whether people may go on with work that outlives their
// request. It keeps nothing in memory: an answer is as new as the database. It is
// safe for concurrent use.
type Standing struct {
	users  standingUsers
	tokens standingTokens
	now    func() time.Time
}

// NewStanding returns the check over what is stored. now is the clock.
func NewStanding(users standingUsers, tokens standingTokens, now func() time.Time) *Standing {
	return &Standing{users: users, tokens: tokens, now: now}
}

// Require returns a Forbidden error when the account has been disabled or
// deleted, or the API token revoked or expired. tokenID is empty for work that
// was begun with a session; that goes on after the session has ended.
func (s *Standing) Require(ctx context.Context, userID, tokenID string) error {
	const op = "account.Standing.Require"
	u, err := s.users.ByID(ctx, userID)
	switch {
	case err != nil && models.KindOf(err) == models.NotFound:
		return &models.Error{Op: op, Kind: models.Forbidden, Msg: "the account was deleted", Err: err}
	case err != nil:
		return err
	case u.Disabled:
		return &models.Error{Op: op, Kind: models.Forbidden, Msg: "the account is disabled"}
	case tokenID == "":
		return nil
	}
	good, err := s.tokens.Unexpired(ctx, []string{tokenID}, s.now())
	if err == nil && !good[tokenID] {
		err = &models.Error{Op: op, Kind: models.Forbidden, Msg: "the API token was revoked or has expired"}
	}
	return err
}
