package account

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// changeAttempts is how often a change is tried that others get in the
	// way of.
	changeAttempts = 10
	changePause    = 40 * time.Millisecond // at most, between two of them
	// markLasts is how long a change takes at most. Marks that are older have
	// been left behind by a server that died.
	markLasts = 30 * time.Second
)

// errRival is the cause of a Conflict with another change at the same moment.
var errRival = errors.New("another change is going on")

// change applies c to an account and makes the loss of rights known. Others
// who change accounts at the same moment are waited for.
func (s *AdminUsers) change(ctx context.Context, id string, c models.AccountChange) (models.User, error) {
	models.NoteForAudit(ctx, "user_id", id)
	for attempt := 1; ; attempt++ {
		u, changed, err := s.tryChange(ctx, id, c)
		if err == nil && changed {
			err = s.tell(ctx, u, c)
		}
		if err == nil {
			return u, nil
		}
		if models.KindOf(err) != models.Conflict || !errors.Is(err, errRival) || attempt == changeAttempts {
			return u, err
		}
		if err := pause(ctx); err != nil {
			return u, err
		}
	}
}

func (s *AdminUsers) tell(ctx context.Context, u models.User, c models.AccountChange) error {
	models.NoteForAudit(ctx, "email", u.Email)
	if c.EndSessions {
		return s.sessions.EndAccount(ctx, u.ID)
	}
	s.sessions.Forget(u.ID)
	return nil
}

func (s *AdminUsers) tryChange(ctx context.Context, id string, c models.AccountChange) (u models.User, changed bool, err error) {
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
		u, err = s.leave(ctx, u, c)
		return u, true, err
	}
	u, err = s.store.Change(ctx, id, c)
	return u, true, rivalry(op, err)
}

// leave takes the administrator out of u unless it is the last. Whoever is
// about to leave is marked first and counts only those who are not. Of several
// who leave at the same moment, the last to be marked thus sees everybody
// else's mark, and needs somebody who stays.
func (s *AdminUsers) leave(ctx context.Context, u models.User, c models.AccountChange) (models.User, error) {
	const op = "account.AdminUsers.leave"
	mark := models.NewID()
	if err := s.store.ClearStepDown(ctx, mark, s.now().Add(-markLasts)); err != nil {
		return u, err
	}
	marked, err := s.store.MarkStepDown(ctx, u.ID, mark, s.now())
	if err != nil {
		return u, err
	}
	if !marked {
		return u, conflict(op, "the account is being changed by somebody else; try again", errRival)
	}
	stay, leave, err := s.store.CountAdmins(ctx)
	if err == nil && stay > 0 {
		gone, err := s.store.StepDown(ctx, u.ID, mark, c)
		return gone, rivalry(op, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), markLasts)
	defer cancel()
	err = errors.Join(err, s.store.ClearStepDown(ctx, mark, s.now().Add(-markLasts)))
	switch {
	case err != nil:
		return u, err
	case leave > 1:
		return u, conflict(op, "other administrators are being changed at the same moment; try again", errRival)
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

// rivalry marks the store's Conflict, which says that the account is not as it
// was read, as one to try again after.
func rivalry(op string, err error) error {
	if models.KindOf(err) == models.Conflict {
		return conflict(op, models.MessageOf(err), errors.Join(errRival, err))
	}
	return err
}

func conflict(op, msg string, err error) error {
	return &models.Error{Op: op, Kind: models.Conflict, Msg: msg, Err: err}
}

// pause waits for a random while, so that rivals do not meet again.
func pause(ctx context.Context) error {
	timer := time.NewTimer(rand.N(changePause)) //nolint:gosec // jitter needs no secrecy
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &models.Error{Op: "account.AdminUsers.change", Kind: models.Unavailable, Msg: "the change was given up", Err: ctx.Err()}
	}
}
