package account

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
	"github.com/kubeorch/core/utils"
)

// Login starts a session. A wrong e-mail address and a wrong password give the
// same Unauthenticated error after the same time. That an account is disabled is
// told only after the right password. After too many failures it is TooMany, also
// with the right password.
func (a *Auth) Login(ctx context.Context, in models.Login) (models.Session, error) {
	const op = "account.Auth.Login"
	var p models.Problems
	switch {
	case in.Email == "":
		p.Addf("email", "is required")
	case len(in.Email) > 2*utils.MaxEmail: // too long to look for
		p.Addf("email", "must be an e-mail address")
	}
	if in.Password.Empty() {
		p.Addf("password", "is required")
	}
	if err := p.Err(op); err != nil {
		return models.Session{}, err
	}
	noteClaimed(ctx, utils.NormalEmail(in.Email))
	if !a.rules.Enabled {
		return models.Session{}, forbidden(op, "logging in with a password is disabled")
	}
	u, err := a.users.ByEmail(ctx, utils.NormalEmail(in.Email))
	if err != nil && models.KindOf(err) != models.NotFound {
		return models.Session{}, err
	}
	match, err := a.tryPassword(ctx, utils.NormalEmail(in.Email), u, in.Password)
	if err != nil {
		return models.Session{}, err
	}
	if !match.ok {
		return models.Session{}, &models.Error{Op: op, Kind: models.Unauthenticated, Msg: "the e-mail address or the password is wrong"}
	}
	if match.outdated {
		a.rehash(ctx, u, in.Password)
	}
	return a.StartSession(ctx, u, models.SessionByPassword)
}

// rehash replaces an outdated hash. Comparing an outdated one takes another time,
// which would tell that the address has an account.
func (a *Auth) rehash(ctx context.Context, u models.User, password models.Secret) {
	// When this fails, the next login does it.
	if hash, err := a.passwords.Hash(ctx, password); err == nil {
		_ = a.logins.Rehash(ctx, u.ID, u.PasswordHash, hash)
	}
}

// tryPassword compares password with that of u. A zero u, for an address without
// account, takes the same time and counts alike. What a full queue would refuse is
// refused before it is counted: so only hashing, which is slow, stores anything.
func (a *Auth) tryPassword(ctx context.Context, email string, u models.User, password models.Secret) (passwordMatch, error) {
	known := slices.Contains(u.Networks, networkOf(ctx, u.ID))
	if a.passwords.queue.full(known) {
		return passwordMatch{}, busy(nil)
	}
	try, err := a.attempts.login(ctx, email, known)
	if err != nil {
		return passwordMatch{}, err
	}
	m, err := a.passwords.match(ctx, u.PasswordHash, password, known)
	switch {
	case err != nil:
		try.takeBack(ctx)
	case m.ok:
		try.succeeded(ctx)
	}
	return m, err
}

// addNetwork stores that u has logged in from the network of ctx's client.
func (a *Auth) addNetwork(ctx context.Context, u models.User) {
	if network := networkOf(ctx, u.ID); network != "" && !slices.Contains(u.Networks, network) {
		// When this fails, the next login does it.
		_ = a.logins.AddNetwork(ctx, u.ID, network)
	}
}

// networkOf returns the hash that the client's network is stored by. It differs
// between accounts.
func networkOf(ctx context.Context, userID string) string {
	network := models.ClientFrom(ctx).Network()
	if network == "" {
		return ""
	}
	key := limit.KeyOf(userID, network)
	return hex.EncodeToString(key[:])
}

// noteClaimed notes for the audit trail which address somebody logs in with, if it
// has the form of one: people also type passwords into that field.
func noteClaimed(ctx context.Context, email string) {
	_, domain, _ := strings.Cut(email, "@")
	if utils.ValidEmail(email) && strings.Contains(domain, ".") {
		models.NoteActorForAudit(ctx, "", email)
	}
}
