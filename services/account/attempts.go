package account

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
)

// attemptKeys is how many accounts, clients, and pairs of both are counted at a
// time. Each takes some 150 bytes. A new key costs its client a password hash, so
// pushing another one out takes hours.
const attemptKeys = 32_768

// Attempts delays logins after failures: by 1 s after five of them, and by twice
// as much after each further one.
//
// A client, whatever the account, waits up to 15 minutes. An account, whatever
// the client, waits up to 30 s: a single client, which can try only once in
// its 15 minutes, keeps nobody else out. Where an account has logged in
// before, only the failures of that client with that account count, up to 30 s.
// So an attacker elsewhere does not lock the owner out, and typing mistakes of one
// person in an office do not lock out the others.
//
// Addresses without an account are counted alike. Failures are forgotten after an
// hour without another one, and when the server restarts. It is safe for
// concurrent use.
type Attempts struct {
	pairs, accounts, clients *limit.Delays[limit.Key]
}

// NewAttempts returns attempts that have seen none.
func NewAttempts(now func() time.Time) *Attempts {
	delays := func(most time.Duration) *limit.Delays[limit.Key] {
		return limit.NewDelays[limit.Key](limit.Backoff{Free: 5, Initial: time.Second, Max: most, ResetAfter: time.Hour}, attemptKeys, now)
	}
	return &Attempts{pairs: delays(30 * time.Second), accounts: delays(30 * time.Second), clients: delays(15 * time.Minute)}
}

// attempt is one login in progress. It counts as failed unless it is
// taken back or has succeeded.
type attempt struct {
	undo  []func()
	clear func()
}

// begin counts an attempt of ctx's client to log in as email. known says that
// the account has logged in from there before. It is TooMany when the client has
// to wait; the password must not be looked at then.
func (a *Attempts) begin(ctx context.Context, email string, known bool) (*attempt, error) {
	client := models.ClientFrom(ctx).Network()
	if known {
		pair := limit.KeyOf(email, client)
		t := &attempt{clear: func() { a.pairs.Clear(pair) }}
		return t, t.try(a.pairs, pair)
	}
	t := &attempt{clear: func() {}}
	if client != "" {
		if err := t.try(a.clients, limit.KeyOf(client)); err != nil {
			return nil, err
		}
	}
	return t, t.try(a.accounts, limit.KeyOf(email))
}

func (t *attempt) try(d *limit.Delays[limit.Key], key limit.Key) error {
	undo, wait := d.Try(key)
	if undo == nil {
		t.takeBack()
		return models.TooSoon("account.Attempts", "too many failed attempts", wait)
	}
	t.undo = append(t.undo, undo)
	return nil
}

// takeBack uncounts an attempt whose outcome is unknown.
func (t *attempt) takeBack() {
	for _, undo := range t.undo {
		undo()
	}
}

// succeeded takes the attempt back. It also forgets this client's failures
// with this account, but none with other accounts: logging in to an account of
// one's own does not pay for guessing at those of others.
func (t *attempt) succeeded() {
	t.takeBack()
	t.clear()
}
