package account

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/utils"
)

// maxPersonName is the length of the longest name in characters.
const maxPersonName = 100

const emailTaken = "an account with this e-mail address exists already"

// Register makes an account and starts its first session. The very first account
// becomes an administrator, exactly once however many register at the same moment.
// Every later one needs an invite and gets the role of that invite.
func (a *Auth) Register(ctx context.Context, in models.Registration) (models.Session, error) {
	const op = "account.Auth.Register"
	in.Name, in.Email = strings.TrimSpace(in.Name), utils.NormalEmail(in.Email)
	if err := checkRegistration(in).Err(op); err != nil {
		return models.Session{}, err
	}
	noteClaimed(ctx, in.Email)
	if !a.rules.Enabled || !a.rules.SignupEnabled {
		return models.Session{}, forbidden(op, "signing up is disabled")
	}
	if !a.rules.allows(in.Email) {
		return models.Session{}, forbidden(op, "signing up is not open to this e-mail domain")
	}
	u, err := a.create(ctx, in)
	if err != nil {
		return models.Session{}, err
	}
	return a.StartSession(ctx, u, models.SessionByPassword)
}

// create stores the account, as the first one or with an invite.
func (a *Auth) create(ctx context.Context, in models.Registration) (models.User, error) {
	hasAdmin, err := a.users.HasAdmin(ctx)
	if err != nil {
		return models.User{}, err
	}
	if hasAdmin {
		// Checked before the costly hash, and once more when the code is used.
		if err := a.checkSignup(ctx, in); err != nil {
			return models.User{}, err
		}
	}
	hash, err := a.passwords.Hash(ctx, in.Password)
	if err != nil {
		return models.User{}, err
	}
	u := newUser(in, hash)
	if !hasAdmin {
		first, err := a.insertFirst(ctx, u)
		if err != nil || first.ID != "" {
			return first, err
		}
		if err := a.checkSignup(ctx, in); err != nil { // another account became the first one
			return models.User{}, err
		}
	}
	return a.insertInvited(ctx, u, in)
}

// insertFirst stores u as the first account. The result is zero when another one
// is the first already.
func (a *Auth) insertFirst(ctx context.Context, u models.User) (models.User, error) {
	if err := a.invites.prepare(ctx); err != nil {
		return models.User{}, err
	}
	u.Role = models.RoleAdmin
	first, err := a.users.InsertFirst(ctx, u)
	if err != nil && a.stored(ctx, u) == nil {
		return u, nil
	}
	if err != nil || !first {
		return models.User{}, err
	}
	return u, nil
}

// stored returns nil when u is stored. It is asked when storing u ended with an
// error that may leave that open.
func (a *Auth) stored(ctx context.Context, u models.User) error {
	_, err := a.users.ByID(ctx, u.ID)
	return err
}

// checkSignup returns why an account with an invite is refused. It changes
// nothing.
func (a *Auth) checkSignup(ctx context.Context, in models.Registration) error {
	const op = "account.Auth.Register"
	if err := a.invites.check(ctx, in); err != nil {
		return err
	}
	_, err := a.users.ByEmail(ctx, in.Email)
	switch {
	case err == nil:
		return &models.Error{Op: op, Kind: models.Conflict, Msg: emailTaken}
	case models.KindOf(err) == models.NotFound:
		return nil
	}
	return err
}

// insertInvited uses the invite and stores u with the role of that invite.
func (a *Auth) insertInvited(ctx context.Context, u models.User, in models.Registration) (models.User, error) {
	invite, err := a.invites.use(ctx, in, u.ID)
	if err != nil {
		return models.User{}, err
	}
	u.Role = invite.role
	err = a.users.Insert(ctx, u)
	if err == nil {
		return u, nil
	}
	switch found := a.stored(ctx, u); {
	case found == nil:
		return u, nil
	case models.KindOf(found) == models.NotFound: // else the invite might count twice
		invite.giveBack(ctx)
	}
	if models.KindOf(err) == models.Conflict {
		err = &models.Error{Op: "account.Auth.Register", Kind: models.Conflict, Msg: emailTaken, Err: err}
	}
	return models.User{}, err
}

func checkRegistration(in models.Registration) models.Problems {
	var p models.Problems
	checkName(&p, in.Name)
	if !utils.ValidEmail(in.Email) {
		p.Addf("email", "must be an e-mail address")
	}
	checkPassword(&p, "password", in.Password)
	return p
}

func checkName(p *models.Problems, name string) {
	switch {
	case strings.Trim(name, joiners) == "":
		p.Addf("name", "is required")
	case utf8.RuneCountInString(name) > maxPersonName:
		p.Addf("name", "must have at most %d characters", maxPersonName)
	case strings.ContainsFunc(name, func(r rune) bool { return utils.Invisible(r) && !strings.ContainsRune(joiners, r) }):
		p.Addf("name", "must not contain control characters or invisible ones")
	}
}

// joiners are invisible, but words of some languages and some emoji need them.
const joiners = "\u200c\u200d"
