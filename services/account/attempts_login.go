package account

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
)

// tryPassword compares password with u's. u is zero where nobody has the
// address email, which takes and counts the same.
func (a *Auth) tryPassword(ctx context.Context, email string, u models.User, password models.Secret) (passwordMatch, error) {
	known := slices.Contains(u.Networks, networkOf(ctx, u.ID))
	try, err := a.attempts.begin(ctx, email, known)
	if err != nil {
		return passwordMatch{}, err
	}
	m, err := a.passwords.match(ctx, u.PasswordHash, password, known)
	switch {
	case err != nil:
		try.takeBack()
	case m.ok:
		try.succeeded()
	}
	return m, err
}

// remember notes that u has logged in from where ctx's client is.
func (a *Auth) remember(ctx context.Context, u models.User) {
	if network := networkOf(ctx, u.ID); network != "" && !slices.Contains(u.Networks, network) {
		// When this fails, the account is known there from its next login on.
		_ = a.logins.AddNetwork(ctx, u.ID, network)
	}
}

// networkOf returns what is stored of the client's network: a hash that differs
// between accounts.
func networkOf(ctx context.Context, userID string) string {
	network := models.ClientFrom(ctx).Network()
	if network == "" {
		return ""
	}
	key := limit.KeyOf(userID, network)
	return hex.EncodeToString(key[:])
}
