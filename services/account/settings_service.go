package account

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/kubeorch/core/models"
)

// inviteStore keeps the one document of invite settings.
type inviteStore interface {
	EnsureInvites(ctx context.Context, initial models.InviteSettings) (models.InviteSettings, error)
	SetRegenerate(ctx context.Context, on bool) error
	SetInviteCode(ctx context.Context, code string) error
	SwapInviteCode(ctx context.Context, from, to string) (swapped bool, err error)
	CountWrongCode(ctx context.Context, at time.Time, cost time.Duration) error
}

// Settings keeps what administrators set at run time. It is safe for
// concurrent use, also by several servers on one database.
type Settings struct {
	store   inviteStore
	initial models.InviteSettings
	now     func() time.Time
}

// NewSettings returns settings that begin with initial; an empty code there
// stands for a random one.
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

// SetRegenerate says whether a sign-up uses the code up, and returns the
// settings as they then are.
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

// use takes code, which check has accepted, for one sign-up. Where codes count once, it is replaced, so
// of several sign-ups with it at the same moment one succeeds; giveBack
// restores it as long as nobody has replaced it again.
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
