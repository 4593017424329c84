package account

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
)

// giveBackWait bounds how long an invite is given back whose account could not
// be made, also when its owner has gone.
const giveBackWait = 5 * time.Second

// admission is an invite that was used.
type admission struct {
	role     string // of the account
	giveBack func(context.Context)
}

// prepare makes the first shared code.
func (s *Invites) prepare(ctx context.Context) error {
	_, err := s.deps.Codes.Invites(ctx)
	return err
}

// check returns a Forbidden error unless the invite code of in lets its e-mail
// address sign up. A client with many wrong ones has to wait, ever longer.
func (s *Invites) check(ctx context.Context, in models.Registration) error {
	if in.InviteCode == "" || len(in.InviteCode) > maxInviteCode {
		return wrongCode()
	}
	// One after the other, so that many at once guess no more often than many in
	// a row. Other servers on the same database have one guess each meanwhile.
	select {
	case s.looking <- struct{}{}:
		defer func() { <-s.looking }()
	case <-ctx.Done():
		return &models.Error{Op: "account.Invites", Kind: models.Unavailable, Msg: "too many people are signing up right now", Err: ctx.Err()}
	}
	undo, wait := s.failed.Try(limit.KeyOf(models.ClientFrom(ctx).Network()))
	if undo == nil {
		return models.TooSoon("account.Invites", "too many wrong invite codes", wait)
	}
	var err error
	if houseCode.MatchString(in.InviteCode) {
		err = s.deps.Codes.check(ctx, in.InviteCode)
	} else {
		_, err = s.personal(ctx, in)
	}
	if models.KindOf(err) != models.Forbidden {
		undo()
	}
	return err
}

// use takes the invite for the account userID. Of several sign-ups at once
// with an invite that counts once, one succeeds.
func (s *Invites) use(ctx context.Context, in models.Registration, userID string) (admission, error) {
	if houseCode.MatchString(in.InviteCode) {
		giveBack, err := s.deps.Codes.use(ctx, in.InviteCode)
		return admission{models.RoleUser, outliving(giveBack)}, err
	}
	i, err := s.personal(ctx, in)
	if err != nil {
		return admission{}, err
	}
	err = s.deps.Store.Use(ctx, i.ID, userID, models.StoredTime(s.deps.Now()))
	if models.KindOf(err) == models.NotFound {
		err = forbidden("account.Invites", "this invite has just been used or revoked")
	}
	if err != nil {
		return admission{}, err
	}
	models.NoteForAudit(ctx, "invite_id", i.ID)
	return admission{i.Role, outliving(func(ctx context.Context) {
		// When this fails, the invite is spent and an administrator makes a new one.
		_ = s.deps.Store.GiveBack(ctx, i.ID, userID)
	})}, nil
}

// personal returns the invite for one person that in names, or a Forbidden
// error that says why it does not count. Who has the code may know.
func (s *Invites) personal(ctx context.Context, in models.Registration) (models.Invite, error) {
	const op = "account.Invites"
	i, err := s.deps.Store.ByCode(ctx, storedSecret(in.InviteCode))
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
	// Who is no longer an administrator has no back door either.
	by, err := s.deps.People.ByID(ctx, i.CreatedBy)
	if err != nil && models.KindOf(err) != models.NotFound {
		return i, err
	}
	if by.Role != models.RoleAdmin || by.Disabled {
		return i, forbidden(op, "who made this invite may no longer invite")
	}
	return i, nil
}

// outliving makes f do its work also when the request has been given up.
func outliving(f func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackWait)
		defer cancel()
		f(ctx)
	}
}
