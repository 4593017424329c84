// Package storage keeps collections and their indexes in one bbolt file.
//
// Reads see the last commit. Writes go through one goroutine that runs them one
// after the other and commits those that arrived meanwhile together; each is
// undone alone if it fails.
package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
)

const rootBucket = "catalog"

// ErrClosed is returned for writes after Close.
var ErrClosed = errors.New("the store is closed")

// Store is an open store. It is safe for concurrent use.
type Store struct {
	db      *bolt.DB
	log     *slog.Logger
	cat     atomic.Pointer[catalog]
	writes  chan *write
	closing chan struct{}
	once    sync.Once
	writer  sync.WaitGroup
}

// Open opens the store in dir, which it makes if there is none, checks the
// structure of its file, compacts the file when most of it is free, and starts
// the writer. Close must be called.
func Open(dir string, log *slog.Logger) (*Store, error) {
	f, err := openFile(dir)
	if err != nil {
		return nil, err
	}
	if err := f.compact(log); err != nil {
		return nil, errors.Join(fmt.Errorf("compact %s: %w", f.path, err), f.db.Close())
	}
	s := &Store{db: f.db, log: log, writes: make(chan *write), closing: make(chan struct{})}
	if err := s.db.View(s.readCatalog); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	s.writer.Go(s.runWriter)
	return s, nil
}

func (s *Store) readCatalog(tx *bolt.Tx) error {
	cat, err := readCatalog(tx)
	s.cat.Store(cat)
	return err
}

func readCatalog(tx *bolt.Tx) (*catalog, error) {
	b := tx.Bucket([]byte(rootBucket))
	if b == nil {
		return nil, errors.New("there is no catalog")
	}
	cat := &catalog{version: b.Sequence(), byNS: map[string]*Collection{}}
	err := b.ForEach(func(k, v []byte) error {
		c, err := decodeCollection(string(k), v)
		if err == nil {
			cat.byNS[c.Name] = c
		}
		return err
	})
	return cat, err
}

// Close waits for the writes under way and closes the file. Open reads must
// have ended.
func (s *Store) Close() error {
	s.once.Do(func() { close(s.closing) })
	s.writer.Wait()
	return s.db.Close()
}

// View runs fn on the last commit. What fn gets from tx is valid only inside. If
// fn meets a damaged part of the file, View returns an error with the code
// DataCorruption; the rest of the store can be read further on.
func (s *Store) View(fn func(tx *Tx) error) error {
	btx, err := s.db.Begin(false)
	if err != nil {
		return ErrClosed
	}
	defer func() { _ = btx.Rollback() }()
	return protect(func() error {
		cat := s.cat.Load()
		// A commit between Begin and Load makes them disagree.
		if cat.version != btx.Bucket([]byte(rootBucket)).Sequence() {
			if cat, err = readCatalog(btx); err != nil {
				return err
			}
		}
		return fn(&Tx{bolt: btx, cat: cat})
	})
}

// Update runs fn alone among all writes and returns when its effects are on
// disk. If fn fails they are undone, those of others are not. If the commit
// fails, nothing of fn remains. Once fn has begun, ctx has no influence.
func (s *Store) Update(ctx context.Context, fn func(tx *Tx) error) error {
	return s.submit(ctx, &write{fn: fn, done: make(chan struct{})})
}

// Alter is Update for changes of the catalog, which are committed by themselves.
func (s *Store) Alter(ctx context.Context, fn func(tx *Tx) error) error {
	return s.submit(ctx, &write{fn: fn, alone: true, done: make(chan struct{})})
}

func (s *Store) submit(ctx context.Context, w *write) error {
	select {
	case s.writes <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return ErrClosed
	}
	<-w.done
	return w.err
}
