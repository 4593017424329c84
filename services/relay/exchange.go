package relay

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/panics"
)

const (
	// readLimit is how many entries are read at once: 4 MB at most.
	readLimit = 8

	// appendGap is the least time from the end of one append to the next, in which
	// messages gather, and other servers get their turn.
	appendGap = 20 * time.Millisecond

	// readIdle, readServing and readActive are the times from one read to the next:
	// without readers of streams on this server, with some, and with some shortly
	// after another server said something.
	readIdle    = 500 * time.Millisecond
	readServing = 250 * time.Millisecond
	readActive  = 50 * time.Millisecond
	activeTime  = 5 * time.Second

	// checkEvery is how often a quiet log is checked for having been replaced.
	checkEvery = 10 * time.Second
)

// place is where this server is in the log.
type place struct {
	joined  bool
	epoch   string
	last    int64    // number of the entry processed last
	pending []queued // the messages being appended; nil: none
	batch   int64    // the number of pending among those of this process
	kept    kept
	session string // of this process, when it was last looked at

	nextAppend, nextRead, nextCheck time.Time // not before
	heard                           time.Time // when another server last said something
	behind                          bool      // the last check found the log shorter than it was
	aloneSince                      time.Time // zero: the session is not alone
}

// number is that of message i of entry n.
func number(n int64, i int) uint64 { return uint64(n)*numbers + uint64(i) }

// through is the last number of entry n.
func through(n int64) uint64 { return number(n, numbers-1) }

// exchange appends what is queued, or reads what other servers appended, if it is
// time for that, and returns when it is again.
func (r *Relay) exchange(ctx context.Context) (time.Duration, error) {
	if r.place.pending != nil || r.queue.size() > 0 {
		if early := time.Until(r.place.nextAppend); early > 0 {
			return early, nil
		}
		return 0, r.append(ctx)
	}
	if early := time.Until(r.place.nextRead); early > 0 && !r.nudged.Swap(false) {
		return early, nil
	}
	more, err := r.read(ctx)
	if more || err != nil {
		return 0, err
	}
	return time.Until(r.place.nextRead), r.check(ctx)
}

// append tries to append the oldest messages of the queue. After an error, they are
// tried again.
func (r *Relay) append(ctx context.Context) error {
	if !r.prepare() {
		return nil
	}
	e := r.entry(r.place.last+1, r.place.pending)
	err := r.store(ctx, e)
	switch {
	case err == nil:
		r.process(ctx, e)
		r.place.nextAppend = time.Now().Add(appendGap)
		r.level()
		return nil
	case models.KindOf(err) == models.Conflict:
		if _, err := r.read(ctx); err != nil {
			return err
		}
		if r.place.last < e.N { // the entry in the way cannot be read yet
			r.place.nextAppend = time.Now().Add(appendGap)
		}
		return nil
	}
	return err
}

// prepare makes r.place.pending ready to be appended, and reports whether there is
// anything. Events of a session that is over become gaps: others may have
// published newer ones, which this server has not seen when it asks.
//
// If the entry was tried before and was stored after all, it has its number because
// nothing newer was there, and needs no gaps.
func (r *Relay) prepare() bool {
	if r.place.pending == nil {
		if r.place.pending = r.queue.take(); len(r.place.pending) == 0 {
			r.place.pending = nil
			return false
		}
		r.place.batch++
	}
	valid := map[string]bool{}
	r.place.pending = withGaps(r.place.pending, func(m queued) bool {
		ok, asked := valid[m.session]
		if !asked {
			ok = r.deps.Session.Valid(m.session)
			valid[m.session] = ok
		}
		return !ok
	}, &r.gaps)
	return true
}

// entry makes the entry n of this server's pending batch.
func (r *Relay) entry(n int64, list []queued) models.RelayEntry {
	e := models.RelayEntry{N: n, Epoch: r.place.epoch, From: r.id, Batch: r.place.batch, At: models.Now()}
	e.Messages = make([]models.RelayMessage, len(list))
	for i, m := range list {
		e.Messages[i] = m.RelayMessage
	}
	return e
}

// read processes entries that this server has not seen, and reports whether there
// may be more.
func (r *Relay) read(ctx context.Context) (more bool, err error) {
	entries, err := r.after(ctx, r.place.last, readLimit)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if e.Epoch != r.place.epoch {
			return false, r.rejoin(ctx)
		}
		if e.N != r.place.last+1 {
			r.skipTo(e.N)
		}
		r.process(ctx, e)
	}
	if len(entries) == readLimit {
		return true, nil
	}
	r.level()
	return false, nil
}

// level notes that the log has been read to its end.
func (r *Relay) level() {
	r.levelAt.Store(int64(time.Since(r.begun)))
	wait := readIdle
	if r.deps.Readers() > 0 {
		wait = readServing
		if time.Since(r.place.heard) < activeTime {
			wait = readActive
		}
	}
	r.place.nextRead = time.Now().Add(wait)
}

// check finds out from time to time whether the log has become shorter, which it
// does when it is replaced. A primary that was elected a moment ago may not show the
// newest entries yet, so the second time in a row counts.
func (r *Relay) check(ctx context.Context) error {
	if time.Now().Before(r.place.nextCheck) {
		return nil
	}
	newest, err := r.newest(ctx)
	if err != nil {
		return err
	}
	r.place.nextCheck = time.Now().Add(checkEvery)
	switch {
	case newest >= r.place.last:
		r.place.behind = false
	case !r.place.behind:
		r.place.behind = true
	default:
		return r.rejoin(ctx)
	}
	return nil
}

// process hands out the messages of e, which is the next entry.
func (r *Relay) process(ctx context.Context, e models.RelayEntry) {
	own := e.From == r.id
	for i, m := range e.Messages {
		switch m.Topic {
		case models.TopicEvent:
			r.deps.Sink.Deliver(number(e.N, i), m.Key, m.Event, m.Data)
		case models.TopicGap:
			r.deps.Sink.Gap(number(e.N, i), m.Key)
			if m.Key == "" && !own {
				r.tellMissed()
			}
		default:
			if f := r.handlers[m.Topic]; f != nil && !own {
				r.guard(ctx, m.Topic, func() { f(m.Key, m.Data) })
			}
		}
	}
	r.deps.Sink.Advance(through(e.N))
	r.place.last = e.N
	r.place.kept.add(e, time.Now())
	switch {
	case !own:
		r.received.Add(int64(len(e.Messages)))
		r.place.heard = time.Now()
	case e.Batch == r.place.batch:
		r.appended.Add(int64(len(e.Messages)))
		r.place.pending = nil
		r.queue.appended()
	}
}

func (r *Relay) tellMissed() {
	for _, f := range r.missed {
		f()
	}
}

// guard calls f. A fault in one handler does not end the relay.
func (r *Relay) guard(ctx context.Context, topic string, f func()) {
	err := panics.ToError(func() error { f(); return nil })
	if err != nil {
		r.deps.Log.ErrorContext(ctx, "a message of another server could not be handled", "topic", topic, "err", err)
	}
}
