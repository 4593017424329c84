package account

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
)

// attemptKeys is how many accounts, clients, and pairs of both are counted at a
// time. Each takes some 150 bytes. A new key costs a hashed password, so
// having one forgotten takes hours.
const attemptKeys = 32_768

// Attempts makes people who guess passwords wait ever longer between tries: for
// 1 s after five failures, and twice as long after each further one.
//
// A client, whatever the account, waits up to 15 minutes. An account, whatever
// the client, waits up to 30 s: a single client, which can try only once in
// its 15 minutes, keeps nobody else out. From where an account has logged
// in before, neither counts, but only the failures of that client with that
// account, up to 30 s. So somebody who hammers at an account from elsewhere
// does not lock its owner out, and typing mistakes of one person in an office
// do not lock out the others.
//
// Accounts that do not exist are counted as those that do. What is counted is
// forgotten after an hour without failure, and when the server restarts. It
// is safe for concurrent use.
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

// attempt is one login that is under way. It counts as failed unless it is
// taken back or has succeeded.
type attempt struct {
	undo  []func()
	clear func()
}

// begin counts an attempt of ctx's client to log in as email. known says that
// the account has logged in from there before. Who has to wait gets a TooMany
// error, and is not to be answered whether the password is right.
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

// takeBack is for an attempt that was not decided.
func (t *attempt) takeBack() {
	for _, undo := range t.undo {
		undo()
	}
}

// succeeded takes the attempt back. Besides, only what this client failed at
// with this account is forgotten: who guesses at others' accounts gains nothing
// by logging in to his own.
func (t *attempt) succeeded() {
	t.takeBack()
	t.clear()
}
