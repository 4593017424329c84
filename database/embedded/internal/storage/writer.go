package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"syscall"

	bolt "go.etcd.io/bbolt"

	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// maxGroup bounds how many writes wait for one commit.
const maxGroup = 512

// write is one caller's turn. The caller waits for done, so what fn refers to
// stays valid until the commit.
type write struct {
	fn    func(*Tx) error
	alone bool
	err   error
	done  chan struct{}
}

// runWriter takes writes in groups until the store is closed.
func (s *Store) runWriter() {
	var held *write // could not join the group before it
	for {
		first := held
		held = nil
		if first == nil {
			select {
			case first = <-s.writes:
			case <-s.closing:
				return
			}
		}
		s.runGroup(first, &held)
	}
}

// runGroup runs first and all who wait behind it, and commits once. A write
// that must be alone is left in held.
func (s *Store) runGroup(first *write, held **write) {
	group := []*write{first}
	err := s.inTx(func(tx *Tx) {
		first.err = tx.attempt(first.fn)
		for !first.alone && len(group) < maxGroup {
			select {
			case w := <-s.writes:
				if w.alone {
					*held = w
					return
				}
				group = append(group, w)
				w.err = tx.attempt(w.fn)
			default:
				return
			}
		}
	})
	for _, w := range group {
		if err != nil {
			// Also those that failed: they may have failed because of
			// something that is now undone.
			w.err = err
		}
		close(w.done)
	}
}

// inTx runs the group in a transaction and commits it if it changed anything.
func (s *Store) inTx(run func(*Tx)) error {
	btx, err := s.db.Begin(true)
	if err != nil {
		return fmt.Errorf("begin a write: %w", err)
	}
	tx := &Tx{bolt: btx, cat: s.cat.Load()}
	base := tx.cat
	err = protect(func() error {
		run(tx)
		if tx.broken != nil {
			return tx.broken
		}
		if len(tx.undo) == 0 {
			return btx.Rollback()
		}
		if tx.cat != base {
			if err := btx.Bucket([]byte(rootBucket)).SetSequence(tx.cat.version); err != nil {
				return err
			}
		}
		return btx.Commit()
	})
	if err != nil {
		s.log.Error("embedded store: commit failed", "err", err)
		return commitError(errors.Join(err, rollback(btx)))
	}
	s.cat.Store(tx.cat)
	return nil
}

// rollback ends a transaction that a failed commit may have ended already.
func rollback(btx *bolt.Tx) error {
	if btx.DB() == nil {
		return nil
	}
	return btx.Rollback()
}

func commitError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EFBIG) || errors.Is(err, syscall.EDQUOT) {
		return mongoerr.New(mongoerr.OutOfDiskSpace, "nothing was written: %v", err)
	}
	return mongoerr.New(mongoerr.InternalError, "nothing was written: %v", err)
}

// attempt runs fn and undoes what it did if it fails.
func (tx *Tx) attempt(fn func(*Tx) error) error {
	mark := tx.Mark()
	err := protect(func() error { return fn(tx) })
	if err == nil {
		return nil
	}
	if undoErr := tx.RollbackTo(mark); undoErr != nil {
		// The group must not be committed with half a write in it.
		tx.broken = errors.Join(tx.broken, undoErr)
	}
	return err
}

// panicError is a panic that was caught. The stack is for the log only.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("internal failure: %v", e.value) }

// LogValue tells the log where it happened.
func (e *panicError) LogValue() slog.Value {
	return slog.StringValue(fmt.Sprintf("%v\n%s", e.value, e.stack))
}

// protect turns a panic into an error, so that one request cannot end the
// process or leave the store locked.
func protect(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	return fn()
}
