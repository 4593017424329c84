package account

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
)

// Attempts delays logins after failures: by 1 s after five of them, and by twice
// as much after each further one.
//
// A client, whatever the account, waits up to 15 minutes. An account, whatever
// the client, waits up to 30 s: a single client, which can try only once in
// its 15 minutes, keeps nobody else out. Where an account has logged in
// before, only the failures of that client with that account count, up to 30 s.
// So an attacker elsewhere does not lock the owner out, and typing mistakes of one
// person in an office do not lock out the others. Whoever is logged in and guesses
// the password in order to change it waits up to 30 s, too.
//
// Addresses without an account are counted alike. Failures are forgotten after an
// hour without another one, and where Failures forgets them. It is safe for
// concurrent use.
type Attempts struct {
	pairs, accounts, clients, changes delays
}

// NewAttempts returns attempts that are counted by f.
func NewAttempts(f Failures) *Attempts {
	of := func(kind string, most time.Duration) delays {
		return f(kind, limit.Backoff{Free: 5, Initial: time.Second, Max: most, ResetAfter: time.Hour})
	}
	return &Attempts{
		pairs: of("login", 30*time.Second), accounts: of("login-account", 30*time.Second),
		clients: of("login-client", 15*time.Minute), changes: of("password-change", 30*time.Second),
	}
}

// attempt is one try at a password. It counts as failed unless it is taken back
// or has succeeded.
type attempt struct {
	undo  []func(context.Context)
	clear func(context.Context) // forgets all that the attempt was counted with; nil: nothing is forgotten
}

// login counts an attempt of ctx's client to log in as email. known says that
// the account has logged in from there before. It is TooMany when the client has
// to wait; the password must not be looked at then.
func (a *Attempts) login(ctx context.Context, email string, known bool) (*attempt, error) {
	client := models.ClientFrom(ctx).Network()
	if known {
		return only(ctx, a.pairs, limit.KeyOf(email, client))
	}
	t := &attempt{}
	if client != "" {
		if err := t.try(ctx, a.clients, limit.KeyOf(client)); err != nil {
			return nil, err
		}
	}
	return t, t.try(ctx, a.accounts, limit.KeyOf(email))
}

// change counts an attempt to change the password of an account, as login does.
func (a *Attempts) change(ctx context.Context, userID string) (*attempt, error) {
	return only(ctx, a.changes, limit.KeyOf(userID))
}

// only counts an attempt whose success makes up for all failures of key.
func only(ctx context.Context, d delays, key limit.Key) (*attempt, error) {
	t := &attempt{clear: func(ctx context.Context) { d.Clear(ctx, key) }}
	return t, t.try(ctx, d, key)
}

func (t *attempt) try(ctx context.Context, d delays, key limit.Key) error {
	undo, wait, err := d.Try(ctx, key)
	if err == nil && undo == nil {
		err = models.TooSoon("account.Attempts", "too many failed attempts", wait)
	}
	if err != nil {
		t.takeBack(ctx)
		return err
	}
	t.undo = append(t.undo, undo)
	return nil
}

// takeBack uncounts an attempt whose outcome is unknown.
func (t *attempt) takeBack(ctx context.Context) {
	for _, undo := range t.undo {
		undo(ctx)
	}
}

// succeeded takes the attempt back. It also forgets this client's failures
// with this account, but none with other accounts: logging in to an account of
// one's own does not pay for guessing at those of others.
func (t *attempt) succeeded(ctx context.Context) {
	if t.clear != nil {
		t.clear(ctx)
		return
	}
	t.takeBack(ctx)
}
