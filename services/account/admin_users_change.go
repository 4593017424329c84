package account

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// changeAttempts is how often a change is tried while others change accounts.
	changeAttempts = 10
	changePause    = 40 * time.Millisecond // at most, between two attempts
	// markTTL is longer than any change takes. An older mark was left behind by a
	// server that died.
	markTTL = 30 * time.Second
)

// errConcurrentChange is the cause of a Conflict with another change at the same moment.
var errConcurrentChange = errors.New("another change is in progress")

// change applies c to an account and makes it known. It tries again while others
// change accounts at the same moment.
func (s *AdminUsers) change(ctx context.Context, id string, c models.AccountChange) (models.User, error) {
	models.NoteForAudit(ctx, "user_id", id)
	for attempt := 1; ; attempt++ {
		u, changed, err := s.changeOnce(ctx, id, c)
		if err == nil && changed {
			err = s.publish(ctx, u, c)
		}
		if err == nil {
			return u, nil
		}
		if models.KindOf(err) != models.Conflict || !errors.Is(err, errConcurrentChange) || attempt == changeAttempts {
			return u, err
		}
		if err := pause(ctx); err != nil {
			return u, err
		}
	}
}

// publish makes a change known: it ends the sessions, or has the account read anew.
func (s *AdminUsers) publish(ctx context.Context, u models.User, c models.AccountChange) error {
	models.NoteForAudit(ctx, "email", u.Email)
	if c.EndSessions {
		return s.sessions.EndAccount(ctx, u.ID)
	}
	s.sessions.Forget(u.ID)
	return nil
}

func (s *AdminUsers) changeOnce(ctx context.Context, id string, c models.AccountChange) (u models.User, changed bool, err error) {
	const op = "account.AdminUsers.change"
	u, err = s.store.ByID(ctx, id)
	switch {
	case err != nil:
		return u, false, err
	case u.Deleting:
		return u, false, conflict(op, "the deletion of this account has begun; repeat it to end it", nil)
	case !changes(u, c):
		return u, false, nil
	case isActiveAdmin(u) && !staysAdmin(c):
		u, err = s.demote(ctx, u, c)
		return u, true, err
	}
	u, err = s.store.Change(ctx, id, c)
	return u, true, asConcurrentChange(op, err)
}

// demote applies c, after which u is no active administrator, unless u is the
// last one. It marks u first and then counts the administrators without a mark.
// Of several demotions at the same moment, the last one to set its mark sees the
// marks of all others, so at least one administrator stays.
func (s *AdminUsers) demote(ctx context.Context, u models.User, c models.AccountChange) (models.User, error) {
	const op = "account.AdminUsers.demote"
	mark := models.NewID()
	if err := s.store.ClearStepDown(ctx, mark, s.now().Add(-markTTL)); err != nil {
		return u, err
	}
	marked, err := s.store.MarkStepDown(ctx, u.ID, mark, s.now())
	if err != nil {
		return u, err
	}
	if !marked {
		return u, conflict(op, "the account is being changed by somebody else; try again", errConcurrentChange)
	}
	stay, leave, err := s.store.CountAdmins(ctx)
	if err == nil && stay > 0 {
		changed, err := s.store.StepDown(ctx, u.ID, mark, c)
		return changed, asConcurrentChange(op, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), markTTL)
	defer cancel()
	err = errors.Join(err, s.store.ClearStepDown(ctx, mark, s.now().Add(-markTTL)))
	switch {
	case err != nil:
		return u, err
	case leave > 1:
		return u, conflict(op, "other administrators are being changed at the same moment; try again", errConcurrentChange)
	}
	return u, conflict(op, "this is the last active administrator; make somebody else one first", nil)
}

func isActiveAdmin(u models.User) bool { return u.Role == models.RoleAdmin && !u.Disabled }

// staysAdmin reports whether c leaves an active administrator one.
func staysAdmin(c models.AccountChange) bool {
	return (c.Role == nil || *c.Role == models.RoleAdmin) && (c.Disabled == nil || !*c.Disabled)
}

func changes(u models.User, c models.AccountChange) bool {
	return c.Role != nil && *c.Role != u.Role || c.Disabled != nil && *c.Disabled != u.Disabled ||
		c.Deleting != nil && *c.Deleting != u.Deleting
}

// asConcurrentChange turns the store's Conflict, which says that the account
// changed since it was read, into one that change tries again.
func asConcurrentChange(op string, err error) error {
	if models.KindOf(err) == models.Conflict {
		return conflict(op, models.MessageOf(err), errors.Join(errConcurrentChange, err))
	}
	return err
}

func conflict(op, msg string, err error) error {
	return &models.Error{Op: op, Kind: models.Conflict, Msg: msg, Err: err}
}

// pause waits for a random time, so that two changes do not meet again.
func pause(ctx context.Context) error {
	timer := time.NewTimer(rand.N(changePause)) //nolint:gosec // jitter needs no secrecy
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &models.Error{Op: "account.AdminUsers.change", Kind: models.Unavailable, Msg: "the change was cancelled", Err: ctx.Err()}
	}
}
