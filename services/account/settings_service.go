package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// guessCost is the time that each wrong code blocks, and guessBurst how many
	// wrong codes are allowed at once.
	//
	// The code has 6 digits. From all addresses together come 20 wrong codes at
	// once and then 10 an hour, 260 on the first day and 240 on each further one.
	// So somebody who guesses without a pause finds it with a chance of 0.026 % a
	// day, 8.4 % in a year in which nobody looks at the count of wrong codes or
	// makes a new code. The count is stored: restarts give nothing new. Each
	// address alone is slowed down much sooner, by the delays in Invites.
	guessCost  = 6 * time.Minute
	guessBurst = 20
)

// sharedCode is the form of the invite code that many people share.
var sharedCode = regexp.MustCompile(`^[0-9]{6}$`)

// inviteStore keeps the one document of invite settings.
type inviteStore interface {
	EnsureInvites(ctx context.Context, initial models.InviteSettings) (models.InviteSettings, error)
	SetRegenerate(ctx context.Context, on bool) error
	SetInviteCode(ctx context.Context, code string) error
	SwapInviteCode(ctx context.Context, from, to string) (swapped bool, err error)
	guessStore
}

// guessStore bounds and counts wrong codes, of all servers together.
type guessStore interface {
	TakeGuess(ctx context.Context, at, until time.Time, cost time.Duration) (taken bool, err error)
	GiveBackGuess(ctx context.Context, cost time.Duration) error
	CountWrongCode(ctx context.Context, at time.Time) error
}

// Settings stores what administrators set at run time. It is safe for
// concurrent use, also by several servers on one database.
type Settings struct {
	store   inviteStore
	initial models.InviteSettings
	now     func() time.Time
}

// NewSettings returns settings that begin with initial. An empty code in it stands
// for a random one.
func NewSettings(store inviteStore, initial models.InviteSettings, now func() time.Time) *Settings {
	return &Settings{store, initial, now}
}

// Invites returns the settings and makes them on first use.
func (s *Settings) Invites(ctx context.Context) (models.InviteSettings, error) {
	initial := s.initial
	if initial.InviteCode == "" {
		code, err := newInviteCode()
		if err != nil {
			return models.InviteSettings{}, err
		}
		initial.InviteCode = code
	}
	return s.store.EnsureInvites(ctx, initial)
}

// SetRegenerate sets whether the code counts once, and returns the new settings.
func (s *Settings) SetRegenerate(ctx context.Context, in models.InvitePatch) (models.InviteSettings, error) {
	if in.RegenerateAfterSignup == nil {
		var p models.Problems
		p.Addf("regenerateAfterSignup", "is required")
		return models.InviteSettings{}, p.Err("account.Settings.SetRegenerate")
	}
	models.NoteForAudit(ctx, "regenerate", strconv.FormatBool(*in.RegenerateAfterSignup))
	if _, err := s.Invites(ctx); err != nil {
		return models.InviteSettings{}, err
	}
	if err := s.store.SetRegenerate(ctx, *in.RegenerateAfterSignup); err != nil {
		return models.InviteSettings{}, err
	}
	return s.Invites(ctx)
}

// NewInviteCode puts a random code in the place of the present one.
func (s *Settings) NewInviteCode(ctx context.Context) (models.InviteSettings, error) {
	if _, err := s.Invites(ctx); err != nil {
		return models.InviteSettings{}, err
	}
	code, err := newInviteCode()
	if err != nil {
		return models.InviteSettings{}, err
	}
	if err := s.store.SetInviteCode(ctx, code); err != nil {
		return models.InviteSettings{}, err
	}
	return s.Invites(ctx)
}

// check is Forbidden unless code is the present one, and counts wrong ones. After
// too many wrong ones it is TooMany without looking at code. A guess is taken
// before code is looked at, so that concurrent ones on all servers are limited like
// consecutive ones; until the right code has given its guess back, it counts too.
func (s *Settings) check(ctx context.Context, code string) error {
	is, err := s.Invites(ctx)
	if err != nil {
		return err
	}
	now := models.StoredTime(s.now())
	full := now.Add((guessBurst - 1) * guessCost)
	wait, taken := time.UnixMilli(is.GuessesUntil).Sub(full), false
	if wait <= 0 {
		wait = time.Second // others have taken the last guesses just now
		if taken, err = s.store.TakeGuess(ctx, now, full, guessCost); err != nil {
			return err
		}
	}
	switch {
	case !taken:
		return models.TooSoon("account.Settings", "too many wrong invite codes were tried, so none counts right now", wait)
	case sameCode(code, is.InviteCode):
		detached(func(ctx context.Context) {
			_ = s.store.GiveBackGuess(ctx, guessCost) // when this fails, one guess less is allowed for guessCost
		})(ctx)
		return nil
	}
	if err := s.store.CountWrongCode(ctx, now); err != nil {
		return err
	}
	return wrongCode()
}

func sameCode(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// use takes code, which check has accepted, for one sign-up. A code that counts
// once is replaced, so that one of several sign-ups at the same moment succeeds.
// giveBack restores it, unless it was replaced again meanwhile.
func (s *Settings) use(ctx context.Context, code string) (giveBack func(context.Context), err error) {
	now, err := s.Invites(ctx)
	if err != nil {
		return nil, err
	}
	if !now.RegenerateAfterSignup {
		if !sameCode(code, now.InviteCode) {
			return nil, wrongCode()
		}
		return func(context.Context) {}, nil
	}
	next, err := newInviteCode()
	if err != nil {
		return nil, err
	}
	swapped, err := s.store.SwapInviteCode(ctx, code, next)
	if err != nil {
		return nil, err
	}
	if !swapped {
		return nil, wrongCode()
	}
	return func(ctx context.Context) {
		// When this fails, the code is spent and an administrator makes a new one.
		_, _ = s.store.SwapInviteCode(ctx, next, code)
	}, nil
}

func wrongCode() error {
	return forbidden("account.Settings", "an invite code is needed to sign up, and this is not the present one")
}

func newInviteCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", &models.Error{Op: "account.newInviteCode", Err: err}
	}
	return fmt.Sprintf("%06d", n), nil
}
