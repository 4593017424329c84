package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	fileName = "store.bolt"
	// tempPattern names files on their way to become store.bolt.
	tempPattern = fileName + ".tmp-*"
	// lockWait is how long Open waits for a process that is just ending.
	lockWait = 500 * time.Millisecond
	// initialMap is address space, not memory: while the file fits into it,
	// readers never hold up a writer that has to grow the file.
	initialMap = 256 << 20
	// compactFree is how many bytes of a file must be free, and at least half of
	// it, for compacting to be worth it. It is also left free on the disk.
	compactFree = 16 << 20
	// compactTx bounds what compacting keeps in memory.
	compactTx = 8 << 20
	// compactAlloc is by how much the copy grows at a time.
	compactAlloc = 1 << 20
)

// ErrInUse is wrapped by Open's error when another process has the directory.
var ErrInUse = errors.New("in use by another process")

// ErrEmpty is wrapped by Open's error about a file that has lost its content.
var ErrEmpty = errors.New("the file is empty")

// file is the open and locked file of a store.
type file struct {
	path string
	db   *bolt.DB
	size int64 // of the pages that are or were used
}

// openFile opens the file in dir and checks it. A file that is missing is made;
// one that is empty or damaged is an error.
func openFile(dir string) (*file, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the store: %w", err)
	}
	path := filepath.Join(dir, fileName)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = create(path)
	case err == nil && info.Size() == 0:
		err = fmt.Errorf("%s: %w: restore the whole data directory from a backup, or remove all of it to begin anew", path, ErrEmpty)
	}
	if err != nil {
		return nil, err
	}
	f, err := lockFile(path)
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("data directory %s is %w", dir, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	removeLeftovers(dir)
	return f, nil
}

// lockFile opens what is under path, and checks it. If that is not what bbolt
// locked, another process has put a compacted file there meanwhile.
func lockFile(path string) (*file, error) {
	var opened *os.File
	f := &file{path: path}
	err := protect(func() (err error) {
		f.db, err = bolt.Open(path, 0o600, boltOptions(func(name string, flag int, mode os.FileMode) (*os.File, error) {
			opened, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
			return opened, err
		}))
		return err
	})
	if err != nil {
		if opened != nil {
			// After a panic the mapping keeps the lock, also when it is closed.
			_ = syscall.Flock(int(opened.Fd()), syscall.LOCK_UN)
			_ = opened.Close()
		}
		if isUnreadable(err) {
			err = damaged(err)
		}
		return nil, err
	}
	locked, err := opened.Stat()
	if err != nil {
		return nil, errors.Join(err, f.db.Close())
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(locked, there) {
		return nil, errors.Join(bolterrors.ErrTimeout, f.db.Close())
	}
	if f.size, err = checkStructure(f.db, opened); err != nil {
		return nil, errors.Join(damaged(err), f.db.Close())
	}
	return f, nil
}

func boltOptions(open func(string, int, os.FileMode) (*os.File, error)) *bolt.Options {
	return &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType, InitialMmapSize: initialMap, OpenFile: open}
}

// isUnreadable reports whether bbolt failed because of what is in the file, and
// not because of the system.
func isUnreadable(err error) bool {
	var system syscall.Errno
	return !errors.As(err, &system) && !errors.Is(err, bolterrors.ErrTimeout)
}

func damaged(err error) error {
	return fmt.Errorf("%w: %w; restore the whole data directory from a backup, or remove all of it to begin anew", ErrDamaged, err)
}

// create makes an empty store under path, whole or not at all. It is no failure
// if another process does so at the same time.
func create(path string) error {
	temp, err := openTemp(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	name := temp.Path()
	defer func() { _ = os.Remove(name) }()
	err = temp.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte(rootBucket))
		return err
	})
	if err := errors.Join(err, temp.Close()); err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	if err := os.Link(name, path); err != nil && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(name, path) // not every file system has links
		if _, missing := os.Stat(path); missing != nil {
			return fmt.Errorf("make %s: %w", path, err)
		}
	}
	return syncDirs(filepath.Dir(path))
}

// openTemp opens a new bbolt file that nobody else knows.
func openTemp(dir string) (*bolt.DB, error) {
	f, err := os.CreateTemp(dir, tempPattern)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return bolt.Open(f.Name(), 0o600, boltOptions(nil))
}

// removeLeftovers removes what a process left that was killed in create or
// compact. Nobody else works in dir, except perhaps in create, which can bear it.
func removeLeftovers(dir string) {
	names, _ := filepath.Glob(filepath.Join(dir, tempPattern))
	for _, name := range names {
		_ = os.Remove(name)
	}
}

// syncDirs makes the names of the file and of its directory survive a power
// loss.
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

// compact exchanges the file for a copy without free pages, if that is worth it
// and the disk has room for it. Where that fails, the file stays as it is; an
// error means that it cannot be said which of the two would survive a power
// loss.
func (f *file) compact(log *slog.Logger) error {
	free := int64(f.db.Stats().FreePageN+f.db.Stats().PendingPageN) * int64(f.db.Info().PageSize)
	if free < compactFree || free < f.size/2 {
		return nil
	}
	copied, err := f.copyWithin(f.size - free + compactFree)
	if err == nil {
		err = os.Rename(copied.Path(), f.path)
		if err != nil {
			err = errors.Join(err, discard(copied))
		}
	}
	if err != nil {
		log.Warn("embedded store: the file could not be compacted", "file", f.path, "free", free, "err", err)
		return nil
	}
	log.Info("embedded store: the file was compacted", "file", f.path, "before", f.size, "freed", free)
	err = errors.Join(f.db.Close(), syncDirs(filepath.Dir(f.path)))
	f.db = copied
	return err
}

// copyWithin returns a compacted copy under a name of its own, locked and on
// disk, if the disk has that much room.
func (f *file) copyWithin(room int64) (*bolt.DB, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(f.path, &disk); err != nil {
		return nil, err
	}
	if there := disk.Bavail * uint64(disk.Bsize); there < uint64(room) {
		return nil, fmt.Errorf("%d bytes of the disk are free, of %d needed", there, room)
	}
	temp, err := openTemp(filepath.Dir(f.path))
	if err != nil {
		return nil, err
	}
	alloc := temp.AllocSize
	temp.NoSync, temp.AllocSize = true, compactAlloc
	err = protect(func() error { return bolt.Compact(temp, f.db, compactTx) })
	temp.NoSync, temp.AllocSize = false, alloc
	if err == nil {
		err = temp.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, discard(temp))
	}
	return temp, nil
}

func discard(db *bolt.DB) error {
	name := db.Path()
	return errors.Join(db.Close(), os.Remove(name))
}
