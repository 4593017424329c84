package storage

import (
	"errors"
	"fmt"
	"strings"
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
	return protect(btx.Rollback)
}

// commitError says why a group was not written. Bbolt passes some errors of the
// system on as a text only.
func commitError(err error) error {
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EFBIG, syscall.EDQUOT} {
		if errors.Is(err, full) || strings.Contains(err.Error(), full.Error()) {
			return mongoerr.New(mongoerr.OutOfDiskSpace, "nothing was written: %v", err)
		}
	}
	if e := mongoerr.As(err); e.Code != mongoerr.InternalError {
		return e
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
	undoErr := tx.RollbackTo(mark)
	if mongoerr.As(err).Code == mongoerr.DataCorruption {
		undoErr = errors.Join(undoErr, err)
	}
	if undoErr != nil {
		// The group must not be committed with half a write in it.
		tx.broken = errors.Join(tx.broken, undoErr)
	}
	return err
}
