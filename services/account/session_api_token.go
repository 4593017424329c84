package account

import (
	"context"
	"errors"
	"time"

	"github.com/kubeorch/core/models"
)

// apiTokens knows whose API token it is, and which are still good.
type apiTokens interface {
	Identify(ctx context.Context, token string) (id models.Identity, expires time.Time, err error)
	Unexpired(ctx context.Context, ids []string) (map[string]bool, error)
}

// identifyAPIToken checks an API token and the account that it is of.
func (s *Sessions) identifyAPIToken(ctx context.Context, token string) (id models.Identity, expires time.Time, err error) {
	id, expires, err = s.apiTokens.Identify(ctx, token)
	if err != nil {
		return id, expires, err
	}
	id, err = s.ofAccount(ctx, id)
	return id, expires, err
}

// ofAccount adds to the identity of an API token what its account is now.
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
