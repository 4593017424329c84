package account

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
)

// giveBackTimeout bounds taking back an invite or an attempt, which also happens
// when the request has been cancelled.
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
// After many wrong codes a client has to wait, ever longer. A personal code that
// does not exist is not counted: nobody finds one of 130 bits, and making them up
// stores nothing.
func (s *Invites) check(ctx context.Context, in models.Registration) error {
	if in.InviteCode == "" || len(in.InviteCode) > maxInviteCode {
		return wrongCode()
	}
	if !sharedCode.MatchString(in.InviteCode) {
		i, err := s.byCode(ctx, in.InviteCode)
		if err != nil {
			return err
		}
		return s.counted(ctx, func() error { return s.checkPersonal(ctx, i, in.Email) })
	}
	// One check at a time: while it goes on, the right code counts as a wrong one.
	select {
	case s.checking <- struct{}{}:
		defer func() { <-s.checking }()
	case <-ctx.Done():
		return &models.Error{Op: "account.Invites", Kind: models.Unavailable, Msg: "too many people are signing up right now", Err: ctx.Err()}
	}
	return s.counted(ctx, func() error { return s.deps.Codes.check(ctx, in.InviteCode) })
}

// counted counts a check that is Forbidden as a failure of ctx's client.
func (s *Invites) counted(ctx context.Context, check func() error) error {
	undo, wait, err := s.failed.Try(ctx, limit.KeyOf(models.ClientFrom(ctx).Network()))
	if err != nil {
		return err
	}
	if undo == nil {
		return models.TooSoon("account.Invites", "too many wrong invite codes", wait)
	}
	if err = check(); models.KindOf(err) != models.Forbidden {
		undo(ctx)
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
	i, err := s.byCode(ctx, in.InviteCode)
	if err == nil {
		err = s.checkPersonal(ctx, i, in.Email)
	}
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

// byCode returns the personal invite with a code. It is Forbidden when there is
// none.
func (s *Invites) byCode(ctx context.Context, code string) (models.Invite, error) {
	i, err := s.deps.Store.ByCode(ctx, hashSecret(code))
	if models.KindOf(err) == models.NotFound {
		err = wrongCode()
	}
	return i, err
}

// checkPersonal is Forbidden when a personal invite does not count for an e-mail
// address; the text says why, which a holder of the code may know.
func (s *Invites) checkPersonal(ctx context.Context, i models.Invite, email string) error {
	const op = "account.Invites"
	if state := i.StateAt(s.deps.Now()); state != models.InvitePending {
		return forbidden(op, "this invite is "+state)
	}
	if i.Email != "" && i.Email != email {
		return forbidden(op, "this invite is for another e-mail address")
	}
	// An invite ends with the rights of the administrator who made it.
	by, err := s.deps.People.ByID(ctx, i.CreatedBy)
	if err != nil && models.KindOf(err) != models.NotFound {
		return err
	}
	if by.Role != models.RoleAdmin || by.Disabled {
		return forbidden(op, "who made this invite may no longer invite")
	}
	return nil
}

// detached makes f work also when the request has been cancelled.
func detached(f func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTimeout)
		defer cancel()
		f(ctx)
	}
}
