package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
)

const (
	// failureKeys is how many keys of one kind are counted in memory at a time.
	// Each takes some 150 bytes. A new key costs its client a password hash, so
	// pushing another one out takes hours.
	failureKeys = 32_768
	// swapTries bounds how often a count that others change is tried. Those in
	// front are few: after the free failures everybody else has to wait.
	swapTries = 20
)

// delays counts failures by key and makes a key wait longer and longer between
// tries.
type delays interface {
	// Try counts a failure in advance, so that concurrent tries, on all servers,
	// are delayed like consecutive ones. The caller takes it back by calling undo
	// once when the try succeeds; undo works also when its context has ended. For
	// a key that has to wait, Try returns the remaining wait and a nil undo, and
	// counts nothing. Err is Unavailable when the count cannot be read.
	Try(ctx context.Context, key limit.Key) (undo func(context.Context), wait time.Duration, err error)
	// Clear forgets the failures of key.
	Clear(ctx context.Context, key limit.Key)
}

// Failures makes counters of failures, each of a kind of its own.
type Failures func(kind string, b limit.Backoff) delays

// FailuresHere counts in the memory of this process, which forgets all when it
// ends. now is the clock.
func FailuresHere(now func() time.Time) Failures {
	return func(_ string, b limit.Backoff) delays {
		return memoryDelays{limit.NewDelays[limit.Key](b, failureKeys, now)}
	}
}

// memoryDelays counts in this process.
type memoryDelays struct{ byKey *limit.Delays[limit.Key] }

// Try implements delays; err is always nil.
func (d memoryDelays) Try(_ context.Context, key limit.Key) (func(context.Context), time.Duration, error) {
	undo, wait := d.byKey.Try(key)
	if undo == nil {
		return nil, wait, nil
	}
	return func(context.Context) { undo() }, 0, nil
}

// Clear implements delays.
func (d memoryDelays) Clear(_ context.Context, key limit.Key) { d.byKey.Clear(key) }

// attemptStore stores failures until they expire.
type attemptStore interface {
	ByID(ctx context.Context, id string) (models.FailedAttempts, error)
	Swap(ctx context.Context, id string, from, to models.FailedAttempts, expires time.Time) (swapped bool, err error)
	Delete(ctx context.Context, id string) error
}

// FailuresIn counts in store, for all servers that share it. secret, which they
// share too, hides the keys from readers of the database: people type passwords
// where their e-mail address belongs.
//
// A key takes some 100 bytes until Backoff.ResetAfter has passed since its last
// failure. Callers bound how many keys strangers make up, each by what a failure
// costs them.
//
// now is the clock of this server. Where those of two differ, a wait that began on
// one ends so much sooner or later on the other. Who alternates between them gains
// nothing by that: each wait that is shorter is followed by one that is longer.
func FailuresIn(store attemptStore, secret string, now func() time.Time) Failures {
	return func(kind string, b limit.Backoff) delays {
		return storedDelays{store, []byte(secret), kind, b, now}
	}
}

// storedDelays counts in a store.
type storedDelays struct {
	store   attemptStore
	secret  []byte
	kind    string
	backoff limit.Backoff
	now     func() time.Time
}

// Try implements delays.
func (d storedDelays) Try(ctx context.Context, key limit.Key) (func(context.Context), time.Duration, error) {
	id := d.id(key)
	for range swapTries {
		stored, err := d.store.ByID(ctx, id)
		if err != nil {
			return nil, 0, err
		}
		before, tried, wait := d.backoff.Try(limit.Failures(stored), models.StoredTime(d.now()))
		if wait > 0 {
			return nil, wait, nil
		}
		swapped, err := d.swap(ctx, id, limit.Failures(stored), tried)
		if err != nil {
			return nil, 0, err
		}
		if swapped {
			// When it fails, one failure too many counts until all are forgotten.
			return detached(func(ctx context.Context) { _ = d.undo(ctx, id, before, tried) }), 0, nil
		}
	}
	return nil, 0, busy(nil)
}

func (d storedDelays) undo(ctx context.Context, id string, before, tried limit.Failures) error {
	stored := tried // unless others have tried since
	for range swapTries {
		if swapped, err := d.swap(ctx, id, stored, stored.Undo(before, tried)); swapped || err != nil {
			return err
		}
		now, err := d.store.ByID(ctx, id)
		if err != nil || now.Count == 0 {
			return err
		}
		stored = limit.Failures(now)
	}
	return busy(nil)
}

func (d storedDelays) swap(ctx context.Context, id string, from, to limit.Failures) (bool, error) {
	return d.store.Swap(ctx, id, models.FailedAttempts(from), models.FailedAttempts(to), to.Last.Add(d.backoff.ResetAfter))
}

// Clear implements delays. When it fails, the failures stay until they expire.
func (d storedDelays) Clear(ctx context.Context, key limit.Key) {
	detached(func(ctx context.Context) { _ = d.store.Delete(ctx, d.id(key)) })(ctx)
}

func (d storedDelays) id(key limit.Key) string {
	mac := hmac.New(sha256.New, d.secret)
	mac.Write([]byte("attempts:" + d.kind + ":"))
	mac.Write(key[:])
	return d.kind + ":" + hex.EncodeToString(mac.Sum(nil)[:len(key)])
}
