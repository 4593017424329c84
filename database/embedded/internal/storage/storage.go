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
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	fileName = "store.bolt"
	// lockWait is how long Open waits for a process that is just ending.
	lockWait = 500 * time.Millisecond
	// initialMap is address space, not memory: while the file fits into it,
	// readers never hold up a writer that has to grow the file.
	initialMap = 256 << 20
	rootBucket = "catalog"
)

// ErrInUse is wrapped by Open's error when another process has the directory.
var ErrInUse = errors.New("in use by another process")

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

// Open opens the store in dir, which it makes if there is none, and starts its
// writer. Close must be called.
func Open(dir string, log *slog.Logger) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the store: %w", err)
	}
	db, err := bolt.Open(filepath.Join(dir, fileName), 0o600, &bolt.Options{
		Timeout: lockWait, FreelistType: bolt.FreelistMapType, InitialMmapSize: initialMap,
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("data directory %s is %w", dir, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", dir, err)
	}
	s := &Store{db: db, log: log, writes: make(chan *write), closing: make(chan struct{})}
	if err := s.load(dir); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.writer.Go(s.runWriter)
	return s, nil
}

// load reads the catalog, which it makes if the file is new.
func (s *Store) load(dir string) error {
	read := func(tx *bolt.Tx) error {
		cat, err := readCatalog(tx)
		s.cat.Store(cat)
		return err
	}
	if err := s.db.View(read); err != nil || s.cat.Load() != nil {
		return errors.Join(err, syncDirs(dir))
	}
	err := s.db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte(rootBucket))
		return err
	})
	if err != nil {
		return fmt.Errorf("prepare the store in %s: %w", dir, err)
	}
	return errors.Join(syncDirs(dir), s.db.View(read))
}

// syncDirs makes the names of the file and of its directory survive a power
// loss. An earlier process may have been killed before it came to that.
func syncDirs(dir string) error {
	for _, name := range []string{dir, filepath.Dir(dir)} {
		d, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("sync %s: %w", name, err)
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return fmt.Errorf("sync %s: %w", name, err)
		}
	}
	return nil
}

// readCatalog returns nil if the file has no catalog yet.
func readCatalog(tx *bolt.Tx) (*catalog, error) {
	b := tx.Bucket([]byte(rootBucket))
	if b == nil {
		return nil, nil
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

// View runs fn on the last commit. What fn gets from tx is valid only inside.
func (s *Store) View(fn func(tx *Tx) error) error {
	btx, err := s.db.Begin(false)
	if err != nil {
		return ErrClosed
	}
	defer func() { _ = btx.Rollback() }()
	cat := s.cat.Load()
	// A commit between the two lines above would make them disagree.
	if cat.version != btx.Bucket([]byte(rootBucket)).Sequence() {
		if cat, err = readCatalog(btx); err != nil {
			return err
		}
	}
	return fn(&Tx{bolt: btx, cat: cat})
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
