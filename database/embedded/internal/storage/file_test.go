package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

func openIn(dir string) (*Store, error) { return Open(dir, slog.New(slog.DiscardHandler)) }

// fill makes a collection with an index and n documents of about size bytes.
func fill(t *testing.T, s *Store, ns string, n, size int) {
	t.Helper()
	ix := index(t, bson.D{{Key: "key", Value: bson.D{{Key: "n", Value: 1}}}, {Key: "name", Value: "n"}})
	require.NoError(t, s.Alter(t.Context(), func(tx *Tx) error {
		c, err := tx.Create(ns)
		if err != nil {
			return err
		}
		if _, err := tx.CreateIndex(c, ix); err != nil {
			return err
		}
		for i := range n {
			doc := bson.D{{Key: "_id", Value: i}, {Key: "n", Value: -i}, {Key: "pad", Value: strings.Repeat("x", size)}}
			if err := tx.Insert(tx.Collection(ns), encode(t, doc)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// scan reads every document of a collection.
func scan(s *Store, ns string) (n int, err error) {
	err = s.View(func(tx *Tx) error {
		cur := tx.Docs(tx.Collection(ns))
		for k, _ := cur.First(); k != nil; k, _ = cur.Next() {
			n++
		}
		return nil
	})
	return n, err
}

// madeStore returns the directory of a closed store with two collections.
func madeStore(t *testing.T) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	s, err := openIn(dir)
	require.NoError(t, err)
	fill(t, s, "db.first", 300, 50)
	fill(t, s, "db.second", 300, 50)
	size := int64(0)
	require.NoError(t, s.View(func(tx *Tx) error { size = tx.bolt.Size(); return nil }))
	require.NoError(t, s.Close())
	path = filepath.Join(dir, fileName)
	require.NoError(t, os.Truncate(path, size)) // what is behind was never used
	return dir, path
}

func TestEmptyFileIsNoNewStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := openIn(dir)
	require.ErrorIs(t, err, ErrEmpty)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "backup")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Zero(t, info.Size(), "it stays as it is")
}

// A process that is killed while it makes a store leaves nothing under the
// store's name.
func TestUnfinishedStoreIsRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	left := filepath.Join(dir, fileName+".tmp-123")
	require.NoError(t, os.WriteFile(left, []byte("half"), 0o600))
	s, err := openIn(dir)
	require.NoError(t, err)
	require.NoFileExists(t, left)
	require.NoError(t, s.Close())
}

func TestOneOfManyMakesTheStore(t *testing.T) {
	t.Parallel()
	requireOneOpens(t, t.TempDir())
}

// Who waits for the lock of a file that is compacted meanwhile does not get the
// file from before.
func TestOneOfManyCompacts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := emptied(t, dir)
	requireOneOpens(t, dir)
	info, err := os.Stat(filepath.Join(dir, fileName))
	require.NoError(t, err)
	require.Less(t, info.Size(), before/8)
	s, err := openIn(dir)
	require.NoError(t, err)
	n, err := scan(s, "db.keep")
	require.NoError(t, err)
	require.Equal(t, 10, n)
	require.NoError(t, s.Close())
}

// requireOneOpens opens dir many times at once; an open file is locked as if by
// another process.
func requireOneOpens(t *testing.T, dir string) {
	t.Helper()
	var won atomic.Pointer[Store]
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := openIn(dir)
			switch {
			case err == nil && !won.CompareAndSwap(nil, s):
				t.Error("two opened it")
			case err != nil && !errors.Is(err, ErrInUse):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, won.Load().Close())
	left, err := filepath.Glob(filepath.Join(dir, tempPattern))
	require.NoError(t, err)
	require.Empty(t, left)
}

// Wherever the file ends, opening fails or everything is there.
func TestTruncatedFileIsNotOpened(t *testing.T) {
	t.Parallel()
	dir, path := madeStore(t)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, size := range []int{1, 100, 4096, 5000, 8192, 16384, 20000, len(whole) / 2} {
		require.NoError(t, os.WriteFile(path, whole[:size], 0o600))
		_, err := openIn(dir)
		require.ErrorIs(t, err, ErrDamaged, "%d bytes", size)
		require.ErrorContains(t, err, path)
		require.ErrorContains(t, err, "backup")
	}
}

// Every page is overwritten in turn, in several ways. What the structure does
// not show, Verify finds, unless the page is not in use.
func TestDamagedPagesAreFound(t *testing.T) {
	t.Parallel()
	dir, path := madeStore(t)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	page := os.Getpagesize()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same pages each time
	found := 0
	for at := 0; at < len(whole); at += page {
		for _, damage := range []func(p []byte){
			func(p []byte) { clear(p) },
			func(p []byte) { copy(p, strings.Repeat("\xff", len(p))) },
			func(p []byte) { p[random.IntN(64)] ^= byte(1 + random.IntN(255)) },
			func(p []byte) {
				for i := range p {
					p[i] = byte(random.Uint32())
				}
			},
		} {
			broken := append([]byte{}, whole...)
			damage(broken[at : at+page])
			require.NoError(t, os.WriteFile(path, broken, 0o600))
			s, err := openIn(dir)
			if err == nil {
				err = errors.Join(s.Verify(t.Context()), s.Close())
			}
			if err != nil {
				require.ErrorIs(t, err, ErrDamaged)
				found++
			}
		}
	}
	require.Greater(t, found, len(whole)/page, "most of it is in use")
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	s, err := openIn(dir)
	require.NoError(t, err)
	require.NoError(t, errors.Join(s.Verify(t.Context()), s.Close()))
}

// A page that breaks while the store is open fails what reads it and nothing
// else.
func TestDamageWhileOpen(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, path string, at int64){
		"overwritten": func(t *testing.T, path string, at int64) {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.WriteAt([]byte(strings.Repeat("\xff", os.Getpagesize())), at)
			require.NoError(t, errors.Join(err, f.Close()))
		},
		"cut off": func(t *testing.T, path string, at int64) { require.NoError(t, os.Truncate(path, at)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, path := madeStore(t)
			s, err := openIn(dir)
			require.NoError(t, err)
			// The root page of the collection that was made last.
			var at int64
			require.NoError(t, s.View(func(tx *Tx) error {
				at = int64(tx.Docs(tx.Collection("db.second")).Bucket().RootPage()) * int64(os.Getpagesize())
				return nil
			}))
			damage(t, path, at)
			_, err = scan(s, "db.second")
			require.Equal(t, mongoerr.DataCorruption, mongoerr.As(err).Code, "%v", err)
			require.ErrorContains(t, err, "backup")
			err = s.Update(t.Context(), func(tx *Tx) error {
				return tx.Insert(tx.Collection("db.second"), encode(t, bson.D{{Key: "_id", Value: 1000}}))
			})
			require.Equal(t, mongoerr.DataCorruption, mongoerr.As(err).Code, "%v", err)
			if name == "overwritten" {
				n, err := scan(s, "db.first")
				require.NoError(t, err)
				require.Equal(t, 300, n)
			}
			require.NoError(t, s.Close())
			_, err = openIn(dir)
			require.ErrorIs(t, err, ErrDamaged)
		})
	}
}

// A panic that has nothing to do with the file is no damage.
func TestFailureOfACommandIsNoDamage(t *testing.T) {
	t.Parallel()
	s := open(t)
	err := s.View(func(*Tx) error { var none *Index; _ = none.Name; return nil })
	require.ErrorContains(t, err, "internal failure")
	require.Equal(t, mongoerr.InternalError, mongoerr.As(err).Code)
}

// emptied returns a store most of which is free, with 10 documents left.
func emptied(t *testing.T, dir string) int64 {
	t.Helper()
	s, err := openIn(dir)
	require.NoError(t, err)
	fill(t, s, "db.keep", 10, 50)
	fill(t, s, "db.big", 40, 1<<20)
	require.NoError(t, s.Update(t.Context(), func(tx *Tx) error {
		c := tx.Collection("db.big")
		for i := range 40 {
			if err := tx.Delete(c, encode(t, bson.D{{Key: "_id", Value: i}, {Key: "n", Value: -i}})); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, s.Close())
	info, err := os.Stat(filepath.Join(dir, fileName))
	require.NoError(t, err)
	return info.Size()
}

func TestFreeSpaceIsGivenBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := emptied(t, dir)
	require.Greater(t, before, int64(40<<20))
	for range 2 { // the second time there is nothing to do
		s, err := openIn(dir)
		require.NoError(t, err)
		info, err := os.Stat(filepath.Join(dir, fileName))
		require.NoError(t, err)
		require.Less(t, info.Size(), before/8)
		_, err = openIn(dir)
		require.ErrorIs(t, err, ErrInUse, "the compacted file is locked")
		require.NoError(t, s.Verify(t.Context()))
		n, err := scan(s, "db.keep")
		require.NoError(t, err)
		require.Equal(t, 10, n)
		ns := fmt.Sprint("db.later", info.Size())
		fill(t, s, ns, 1, 1)
		require.NoError(t, s.Close())
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1)
	}
}

// A disk without room for the copy, or one that fills meanwhile, leaves the file
// as it was.
func TestCompactingNeedsRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := emptied(t, dir)
	f, err := openFile(dir)
	require.NoError(t, err)
	_, err = f.copyWithin(1 << 60)
	require.ErrorContains(t, err, "bytes of the disk are free")
	copied, err := f.copyWithin(0)
	require.NoError(t, err)
	require.NoError(t, discard(copied))
	require.NoError(t, f.db.Close())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	info, err := os.Stat(filepath.Join(dir, fileName))
	require.NoError(t, err)
	require.Equal(t, before, info.Size())
}

// A copy that was killed before it got the store's name is removed.
func TestKilledCompactingLeavesTheStore(t *testing.T) {
	t.Parallel()
	dir, path := madeStore(t)
	half, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".tmp-9", half[:len(half)/2], 0o600))
	s, err := openIn(dir)
	require.NoError(t, err)
	require.NoError(t, errors.Join(s.Verify(t.Context()), s.Close()))
	require.NoFileExists(t, path+".tmp-9")
}

func TestFullDiskIsRecognised(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, syscall.EDQUOT,
		errors.New("file resize error: " + (&os.PathError{Op: "truncate", Path: "x", Err: syscall.ENOSPC}).Error()),
	} {
		require.Equal(t, mongoerr.OutOfDiskSpace, mongoerr.As(commitError(err)).Code, "%v", err)
	}
	require.Equal(t, mongoerr.InternalError, mongoerr.As(commitError(syscall.EIO)).Code)
}
