package relay

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kubeorch/core/models"
)

var errStore = errors.New("the store failed")

// memLog is a log in memory. It remembers all that was ever appended.
type memLog struct {
	mu      sync.Mutex
	epoch   string
	entries []models.RelayEntry
	history []models.RelayEntry
}

func (l *memLog) append(e models.RelayEntry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, found := slices.BinarySearchFunc(l.entries, e.N, func(o models.RelayEntry, n int64) int { return int(o.N - n) })
	if found {
		return &models.Error{Kind: models.Conflict}
	}
	l.entries = slices.Insert(l.entries, at, e)
	l.history = append(l.history, e)
	return nil
}

func (l *memLog) newest() (n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) > 0 {
		n = l.entries[len(l.entries)-1].N
	}
	return n
}

// past returns what was ever appended.
func (l *memLog) past() []models.RelayEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.history)
}

// all returns what is in the log.
func (l *memLog) all() []models.RelayEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

// link is a server's way to a memLog.
type link struct {
	log *memLog
	ops atomic.Int64 // tried

	mu        sync.Mutex
	frozen    chan struct{} // closed by thaw; nil: not frozen
	refuse    int           // this many operations fail without an effect
	forget    int           // this many operations have their effect and fail
	blindTo   int64         // entries from this number on are not read yet; 0: all are
	afterThaw []func()
}

func (l *link) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen == nil {
		l.frozen = make(chan struct{})
	}
}

// thaw has operations go on that began before.
func (l *link) thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen == nil {
		return
	}
	for _, f := range l.afterThaw {
		f()
	}
	l.afterThaw = nil
	close(l.frozen)
	l.frozen = nil
}

func (l *link) fail(refuse, forget int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse, l.forget = refuse, forget
}

// do executes one operation. Where ctx ends before, it may still happen later.
func (l *link) do(ctx context.Context, op func() error) error {
	l.ops.Add(1)
	l.mu.Lock()
	frozen := l.frozen
	l.mu.Unlock()
	if frozen != nil {
		select {
		case <-frozen:
		case <-ctx.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			l.afterThaw = append(l.afterThaw, func() { _ = op() })
			return ctx.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.refuse > 0:
		l.refuse--
		return errStore
	case l.forget > 0:
		l.forget--
		_ = op()
		return errStore
	}
	return op()
}

func (l *link) Epoch(ctx context.Context) (epoch string, err error) {
	err = l.do(ctx, func() error {
		l.log.mu.Lock()
		defer l.log.mu.Unlock()
		if l.log.epoch == "" {
			l.log.epoch = "log"
		}
		epoch = l.log.epoch
		return nil
	})
	return epoch, err
}

func (l *link) Append(ctx context.Context, e models.RelayEntry) error {
	return l.do(ctx, func() error { return l.log.append(e) })
}

func (l *link) After(ctx context.Context, n int64, limit int) (list []models.RelayEntry, err error) {
	err = l.do(ctx, func() error {
		for _, e := range l.log.all() {
			if e.N > n && len(list) < limit && (l.blindTo == 0 || e.N < l.blindTo) {
				list = append(list, e)
			}
		}
		return nil
	})
	return list, err
}

func (l *link) Newest(ctx context.Context) (n int64, err error) {
	err = l.do(ctx, func() error { n = l.log.newest(); return nil })
	return n, err
}

func (l *link) DeleteThrough(ctx context.Context, n int64) error {
	return l.do(ctx, func() error {
		l.log.mu.Lock()
		defer l.log.mu.Unlock()
		l.log.entries = slices.DeleteFunc(l.log.entries, func(e models.RelayEntry) bool { return e.N <= n })
		return nil
	})
}
