package account

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
)

// giveBackTimeout bounds giving an invite back, which also happens when the
// request has been cancelled.
const giveBackTimeout = 5 * time.Second

// usedInvite is an invite that was used for an account.
type usedInvite struct {
	role     string // of the account
	giveBack func(context.Context)
}

// prepare makes the first shared code.
func (s *Invites) prepare(ctx context.Context) error {
	_, err := s.deps.Codes.Invites(ctx)
	return err
}

// check is Forbidden unless the invite code of in lets its e-mail address sign up.
// After many wrong codes a client has to wait, ever longer.
func (s *Invites) check(ctx context.Context, in models.Registration) error {
	if in.InviteCode == "" || len(in.InviteCode) > maxInviteCode {
		return wrongCode()
	}
	// One check at a time, so that parallel guesses are limited like consecutive
	// ones. Other servers on the same database allow one guess each meanwhile.
	select {
	case s.checking <- struct{}{}:
		defer func() { <-s.checking }()
	case <-ctx.Done():
		return &models.Error{Op: "account.Invites", Kind: models.Unavailable, Msg: "too many people are signing up right now", Err: ctx.Err()}
	}
	undo, wait := s.failed.Try(limit.KeyOf(models.ClientFrom(ctx).Network()))
	if undo == nil {
		return models.TooSoon("account.Invites", "too many wrong invite codes", wait)
	}
	var err error
	if sharedCode.MatchString(in.InviteCode) {
		err = s.deps.Codes.check(ctx, in.InviteCode)
	} else {
		_, err = s.personal(ctx, in)
	}
	if models.KindOf(err) != models.Forbidden {
		undo()
	}
	return err
}

// use takes the invite for the account userID. One of several concurrent sign-ups
// with an invite that counts once succeeds.
func (s *Invites) use(ctx context.Context, in models.Registration, userID string) (usedInvite, error) {
	if sharedCode.MatchString(in.InviteCode) {
		giveBack, err := s.deps.Codes.use(ctx, in.InviteCode)
		return usedInvite{models.RoleUser, detached(giveBack)}, err
	}
	i, err := s.personal(ctx, in)
	if err != nil {
		return usedInvite{}, err
	}
	giveBack := detached(func(ctx context.Context) {
		// When this fails, the invite is spent and an administrator makes a new one.
		_ = s.deps.Store.GiveBack(ctx, i.ID, userID)
	})
	err = s.deps.Store.Use(ctx, i.ID, userID, models.StoredTime(s.deps.Now()))
	if models.KindOf(err) == models.Unavailable { // it may be used
		giveBack(ctx)
	}
	if models.KindOf(err) == models.NotFound {
		err = forbidden("account.Invites", "this invite has just been used or revoked")
	}
	if err != nil {
		return usedInvite{}, err
	}
	models.NoteForAudit(ctx, "invite_id", i.ID)
	return usedInvite{i.Role, giveBack}, nil
}

// personal returns the personal invite of in. It is Forbidden when the invite does
// not count; the text says why, which a holder of the code may know.
func (s *Invites) personal(ctx context.Context, in models.Registration) (models.Invite, error) {
	const op = "account.Invites"
	i, err := s.deps.Store.ByCode(ctx, hashSecret(in.InviteCode))
	if models.KindOf(err) == models.NotFound {
		return i, wrongCode()
	}
	if err != nil {
		return i, err
	}
	if state := i.StateAt(s.deps.Now()); state != models.InvitePending {
		return i, forbidden(op, "this invite is "+state)
	}
	if i.Email != "" && i.Email != in.Email {
		return i, forbidden(op, "this invite is for another e-mail address")
	}
	// An invite ends with the rights of the administrator who made it.
	by, err := s.deps.People.ByID(ctx, i.CreatedBy)
	if err != nil && models.KindOf(err) != models.NotFound {
		return i, err
	}
	if by.Role != models.RoleAdmin || by.Disabled {
		return i, forbidden(op, "who made this invite may no longer invite")
	}
	return i, nil
}

// detached makes f work also when the request has been cancelled.
func detached(f func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTimeout)
		defer cancel()
		f(ctx)
	}
}
