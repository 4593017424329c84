package account

import (
	"context"
	"crypto/subtle"
	"regexp"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// guessCost is how long a wrong code takes to be worked off, and
	// guessesAtOnce how many may be waiting for that.
	//
	// The code has 6 digits. From all addresses together come 20 wrong codes at
	// once and then 10 an hour, 260 on the first day and 240 on each further one.
	// So somebody who guesses without a pause finds it with a chance of 0.026 % a
	// day, 8.4 % in a year in which nobody looks at the count of wrong codes or
	// makes a new code. The count is stored: restarts give nothing new. Each
	// address alone is slowed down much sooner, by the delays in Invites.
	guessCost     = 6 * time.Minute
	guessesAtOnce = 20
)

// houseCode is the form of the code that everybody may share.
var houseCode = regexp.MustCompile(`^[0-9]{6}$`)

// check returns a Forbidden error unless code is the present one, and counts
// it. When too many were wrong, it is not looked at and the error is TooMany.
// Calls at once may each guess once too often.
func (s *Settings) check(ctx context.Context, code string) error {
	is, err := s.Invites(ctx)
	if err != nil {
		return err
	}
	now := s.now()
	full := now.Add((guessesAtOnce - 1) * guessCost)
	if wait := time.UnixMilli(is.GuessesUntil).Sub(full); wait > 0 {
		return models.TooSoon("account.Settings", "too many wrong invite codes were tried, so none counts right now", wait)
	}
	if sameCode(code, is.InviteCode) {
		return nil
	}
	if err := s.store.CountWrongCode(ctx, models.StoredTime(now), guessCost); err != nil {
		return err
	}
	return wrongCode()
}

func sameCode(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
