package account

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/oauth"
	"github.com/kubeorch/core/utils"
)

// providerUsers reads and changes the links between accounts and providers.
type providerUsers interface {
	ByProvider(ctx context.Context, provider, subject string) (models.User, error)
	DropPassword(ctx context.Context, id string, at time.Time) error
	LinkProvider(ctx context.Context, id, provider, subject string, at time.Time) (models.User, error)
}

// account returns the account of a provider's person: the one that is linked,
// else one with the same verified address, else a new one.
func (o *OAuth) account(ctx context.Context, p OAuthProvider, who oauth.Person) (models.User, error) {
	u, err := o.match(ctx, p, who)
	if models.KindOf(err) == models.Conflict {
		// Another login of the same person made the account meanwhile.
		u, err = o.match(ctx, p, who)
	}
	if err == nil && u.Disabled {
		return models.User{}, accountDisabled()
	}
	return u, err
}

func (o *OAuth) match(ctx context.Context, p OAuthProvider, who oauth.Person) (models.User, error) {
	email := utils.NormalEmail(who.Email)
	if err := p.checkDomain(who.Checked, email); err != nil {
		return models.User{}, err
	}
	u, err := o.deps.Users.ByProvider(ctx, p.Name, who.Subject)
	if err == nil || models.KindOf(err) != models.NotFound {
		return u, err
	}
	const op = "account.OAuth.match"
	switch {
	case !utils.ValidEmail(email) || lowersIntoASCII(who.Email):
		return models.User{}, forbidden(op, p.DisplayName+" tells no usable e-mail address of yours; an account needs a verified one")
	case who.Checked == oauth.Unverified:
		return models.User{}, forbidden(op, "your e-mail address is not verified at "+p.DisplayName+"; verify it there and try again")
	}
	u, err = o.deps.Auth.users.ByEmail(ctx, email)
	switch {
	case err == nil:
		return o.link(ctx, p, who, u)
	case models.KindOf(err) == models.NotFound:
		return o.create(ctx, p, who, email)
	}
	return models.User{}, err
}

// checkDomain is Forbidden unless the address is verified and in one of the
// domains that the provider is open to.
func (p OAuthProvider) checkDomain(checked oauth.Verification, email string) error {
	const op = "account.OAuth.checkDomain"
	if len(p.AllowedDomains) == 0 {
		return nil
	}
	at := strings.LastIndexByte(email, '@')
	switch {
	case at < 0 || checked != oauth.Verified:
		return forbidden(op, "logging in through "+p.DisplayName+" needs an e-mail address that is verified there")
	case !slices.Contains(p.AllowedDomains, email[at+1:]):
		return forbidden(op, "logging in through "+p.DisplayName+" is not open to your e-mail domain")
	}
	return nil
}

// link links an account without provider to the person who owns its address. The
// address was never verified, so an attacker may have made the account: its
// password, sessions and API tokens are removed first. The link is stored last, so
// that the next login repeats all of it after a crash.
func (o *OAuth) link(ctx context.Context, p OAuthProvider, who oauth.Person, u models.User) (models.User, error) {
	const op = "account.OAuth.link"
	switch {
	case u.Disabled:
		return models.User{}, accountDisabled()
	case u.AuthProvider == p.Name && u.ProviderSubject == who.Subject:
		return u, nil
	case u.AuthProvider != "":
		return models.User{}, forbidden(op, "the account with your e-mail address belongs to another login; log in as you did before")
	case who.Checked != oauth.Verified:
		return models.User{}, forbidden(op, "there is an account with your e-mail address, and "+p.DisplayName+" does not say that the address is verified")
	}
	if err := o.deps.Users.DropPassword(ctx, u.ID, o.now()); err != nil {
		return models.User{}, err
	}
	if err := o.endAccess(ctx, u.ID); err != nil {
		return models.User{}, err
	}
	linked, err := o.deps.Users.LinkProvider(ctx, u.ID, p.Name, who.Subject, o.now())
	if err != nil {
		return models.User{}, err
	}
	models.NoteForAudit(ctx, "account", "linked")
	o.deps.Log.InfoContext(ctx, "an account was linked to a provider; its password, sessions and API tokens are gone", "user_id", u.ID, "provider", p.Name)
	return linked, nil
}

// endAccess ends the sessions first, since they could make API tokens, then the
// tokens, and last what is open for the tokens.
func (o *OAuth) endAccess(ctx context.Context, userID string) error {
	if err := o.deps.Auth.sessions.EndAccount(ctx, userID); err != nil {
		return err
	}
	if err := o.deps.APITokens.RevokeAll(ctx, userID); err != nil {
		return err
	}
	return o.deps.Auth.sessions.EndAccount(ctx, userID)
}

// create makes an account. The very first one becomes an administrator, as in
// Register.
func (o *OAuth) create(ctx context.Context, p OAuthProvider, who oauth.Person, email string) (models.User, error) {
	if !p.SignupEnabled {
		return models.User{}, forbidden("account.OAuth.create", "you have no account here, and new ones cannot be made through "+p.DisplayName)
	}
	now := o.now()
	u := models.User{
		ID: models.NewID(), Email: email, Name: personName(who.Name, email), Role: models.RoleUser,
		AuthProvider: p.Name, ProviderSubject: who.Subject, CreatedAt: now, UpdatedAt: now,
	}
	models.NoteForAudit(ctx, "account", "created")
	hasAdmin, err := o.deps.Auth.users.HasAdmin(ctx)
	if err != nil {
		return models.User{}, err
	}
	if !hasAdmin {
		if first, err := o.deps.Auth.insertFirst(ctx, u); err != nil || first.ID != "" {
			return first, err
		}
	}
	return u, o.deps.Auth.users.Insert(ctx, u)
}

// lowersIntoASCII reports whether a letter outside ASCII changes in lower case: the
// Kelvin sign becomes a k, and a mailbox with it another person's.
func lowersIntoASCII(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf && unicode.ToLower(r) != r })
}

// personName clips a provider's name, and falls back to the local part of the
// address.
func personName(name, email string) string {
	if name = oauth.Clip(name, maxPersonName); name != "" {
		return name
	}
	local, _, _ := strings.Cut(email, "@")
	if utf8.RuneCountInString(local) > maxPersonName {
		local = string([]rune(local)[:maxPersonName])
	}
	return local
}

// now is the present at the precision that is stored.
func (o *OAuth) now() time.Time { return models.StoredTime(o.deps.Now()) }

func accountDisabled() error {
	return forbidden("account.OAuth", "this account is disabled; ask an administrator")
}
