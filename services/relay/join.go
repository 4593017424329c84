package relay

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
)

// leaveAfter is how long the session must have been alone before the relay leaves
// the log, so that a restart of the other server does not cost all readers snapshots.
const leaveAfter = 10 * time.Second

// Join brings this server into the log, and returns when its events go to all
// servers and those of all servers come here. All readers of streams on this server
// get a snapshot. It does nothing when the server is in the log already.
//
// It is called before the server listens, unless it is alone; and again whenever the
// session has seen another server after it was alone, before it lets that one know.
// By then the session's Alone must be false. After an error Run goes on trying; the
// other server must not be acknowledged before a call of Join has succeeded.
func (r *Relay) Join(ctx context.Context) error {
	r.queue.begin()
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer r.unlock()
	defer r.signal()
	if r.place.joined {
		return nil
	}
	return r.join(ctx)
}

// join needs r.place, and that messages are queued.
func (r *Relay) join(ctx context.Context) (err error) {
	r.place = place{batch: r.place.batch, pending: r.place.pending}
	if r.place.epoch, err = r.epoch(ctx); err != nil {
		return err
	}
	if r.unlogged.Load() {
		err = r.joinWithGap(ctx)
	} else {
		err = r.load(ctx)
	}
	if err != nil {
		return err
	}
	r.place.joined = true
	r.unlogged.Store(false)
	r.deps.Log.InfoContext(ctx, "events are shared with other servers", "entry", r.place.last)
	return nil
}

// joinWithGap begins behind a gap for all streams, since readers have got events that
// are not in the log.
func (r *Relay) joinWithGap(ctx context.Context) error {
	for {
		newest, err := r.newest(ctx)
		if err != nil {
			return err
		}
		mark := r.entry(newest+1, []queued{gap("", 0)})
		err = r.store(ctx, mark)
		if err == nil {
			r.place.last = mark.N
			r.place.kept.add(mark, time.Now())
			r.deps.Sink.Share(r.place.epoch, through(mark.N))
			return nil
		}
		if models.KindOf(err) != models.Conflict {
			return err
		}
		if err := pause(ctx, appendGap); err != nil {
			return err
		}
	}
}

// load processes all that is in the log.
func (r *Relay) load(ctx context.Context) error {
	oldest, err := r.after(ctx, 0, 1)
	if err != nil {
		return err
	}
	if len(oldest) > 0 {
		r.place.last = oldest[0].N - 1
	}
	r.deps.Sink.Share(r.place.epoch, through(r.place.last))
	for more := true; more && err == nil; {
		more, err = r.read(ctx)
	}
	return err
}

// rejoin begins behind the newest entry of a log that is not the one that was read
// until now.
func (r *Relay) rejoin(ctx context.Context) error {
	epoch, err := r.epoch(ctx)
	if err != nil {
		return err
	}
	newest, err := r.newest(ctx)
	if err != nil {
		return err
	}
	r.deps.Log.WarnContext(ctx, "the log of the servers was replaced; readers of streams get snapshots", "entry", newest)
	r.place.epoch, r.place.behind, r.place.kept = epoch, false, kept{}
	r.skipTo(newest + 1)
	return nil
}

// skipTo goes on with entry n. Those before it that were not read cannot be had.
func (r *Relay) skipTo(n int64) {
	r.place.last = n - 1
	r.deps.Sink.Share(r.place.epoch, through(n-1))
	r.tellMissed()
}

// lonely reports whether it is time to leave the log.
func (r *Relay) lonely() bool {
	if !r.deps.Session.Alone() {
		r.place.aloneSince = time.Time{}
		return false
	}
	if r.place.aloneSince.IsZero() {
		r.place.aloneSince = time.Now()
	}
	return time.Since(r.place.aloneSince) >= leaveAfter
}

// leave ends the relaying. What is queued has been stored, and the readers get
// snapshots. The sink comes last: an event that neither the queue nor a stream takes
// in between is part of the snapshots.
func (r *Relay) leave(ctx context.Context) error {
	last := r.place.last
	r.unlogged.Store(true)
	r.place = place{batch: r.place.batch}
	r.levelAt.Store(0)
	r.queue.close()
	r.deps.Sink.Unshare()
	r.deps.Log.InfoContext(ctx, "no other server is there; events are not shared")
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.deps.Store.DeleteThrough(ctx, last-1)
}
