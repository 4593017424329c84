package relay

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// storeTimeout bounds each operation of the store.
	storeTimeout = 5 * time.Second

	// retryFirst and retryMost are the first and the longest pause after failures of
	// the store.
	retryFirst = 100 * time.Millisecond
	retryMost  = 2 * time.Second

	// flushTime is how long Run goes on at its end to append what is queued.
	flushTime = time.Second
)

// Run appends and reads until ctx ends, then appends what is queued, for a second
// at most, and returns nil. Failures of the database are logged and do not end it.
// All that publish and send must have stopped before; what comes later is dropped.
func (r *Relay) Run(ctx context.Context) error {
	defer r.flush(ctx)
	var failures int
	for {
		wait, err := r.turn(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if failures++; failures == 1 {
				r.deps.Log.WarnContext(ctx, "messages to and from other servers have to wait for the database", "err", err)
			}
			// A message that is sent meanwhile does not end the pause.
			if pause(ctx, min(retryFirst<<min(failures-1, 10), retryMost)) != nil {
				return nil
			}
			continue
		case failures > 0:
			failures = 0
			r.deps.Log.InfoContext(ctx, "messages to and from other servers go on")
		}
		if !r.sleep(ctx, wait) {
			return nil
		}
	}
}

// never is returned by turn when only a signal brings something to do.
const never = time.Duration(-1)

// sleep waits for a time or a signal. It reports whether ctx goes on.
func (r *Relay) sleep(ctx context.Context, wait time.Duration) bool {
	var over <-chan time.Time
	if wait >= 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-over:
	case <-r.wake:
	}
	return true
}

// turn does what is due, and returns when to come again.
func (r *Relay) turn(ctx context.Context) (time.Duration, error) {
	if err := r.lock(ctx); err != nil {
		return never, err
	}
	defer r.unlock()
	switch {
	case !r.queue.isOpen():
		return never, nil
	case !r.place.joined:
		return 0, r.join(ctx)
	case r.lonely():
		return never, r.leave(ctx)
	}
	r.watchSession()
	if err := r.trim(ctx); err != nil {
		return 0, err
	}
	return r.exchange(ctx)
}

// watchSession has all readers take a snapshot after the session of this process was
// over and it began another one. A machine that was suspended may not notice at
// once, and appends what others have overtaken until it does.
func (r *Relay) watchSession() {
	id := r.deps.Session.ID()
	if id == "" {
		return
	}
	if r.place.session != "" && r.place.session != id {
		r.Resync("")
	}
	r.place.session = id
}

// flush appends what is queued and ends the queue.
func (r *Relay) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	if r.lock(ctx) != nil {
		return
	}
	defer r.unlock()
	defer r.queue.end()
	var err error
	for r.place.joined && err == nil && (r.place.pending != nil || r.queue.size() > 0) {
		if err = pause(ctx, time.Until(r.place.nextAppend)); err == nil {
			err = r.append(ctx)
		}
	}
	if err != nil || r.queue.size() > 0 {
		r.deps.Log.WarnContext(ctx, "the last messages to other servers are lost", "bytes", r.queue.size(), "err", err)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Relay) epoch(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.deps.Store.Epoch(ctx)
}

func (r *Relay) newest(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.deps.Store.Newest(ctx)
}

func (r *Relay) after(ctx context.Context, n int64, limit int) ([]models.RelayEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.deps.Store.After(ctx, n, limit)
}

func (r *Relay) store(ctx context.Context, e models.RelayEntry) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.deps.Store.Append(ctx, e)
}
