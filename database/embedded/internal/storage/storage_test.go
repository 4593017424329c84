package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := bson.Marshal(v)
	require.NoError(t, err)
	return raw
}

func index(t *testing.T, spec bson.D) *Index {
	t.Helper()
	ix, err := NewIndex(encode(t, spec))
	require.NoError(t, err)
	return ix
}

func size(t *testing.T, s *Store, ns string) (n int) {
	t.Helper()
	require.NoError(t, s.View(func(tx *Tx) error {
		if c := tx.Collection(ns); c != nil {
			n = tx.Docs(c).Bucket().Stats().KeyN
		}
		return nil
	}))
	return n
}

// Of writes that share a commit, those that fail leave nothing behind, and those
// that do not are complete.
func TestFailedWritesAreUndoneAlone(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx := t.Context()
	ix := index(t, bson.D{{Key: "key", Value: bson.D{{Key: "n", Value: 1}}}, {Key: "name", Value: "n"}})
	require.NoError(t, s.Alter(ctx, func(tx *Tx) error {
		c, err := tx.Create("db.c")
		if err != nil {
			return err
		}
		_, err = tx.CreateIndex(c, ix)
		return err
	}))
	sorry := errors.New("changed my mind")
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			err := s.Update(ctx, func(tx *Tx) error {
				for part := range 3 {
					doc := bson.D{{Key: "_id", Value: i*3 + part}, {Key: "n", Value: bson.A{i, -i - 1}}}
					if err := tx.Insert(tx.Collection("db.c"), encode(t, doc)); err != nil {
						return err
					}
				}
				switch i % 3 {
				case 1:
					if _, err := tx.Create(fmt.Sprint("db.new", i)); err != nil {
						return err
					}
					return sorry
				case 2:
					panic(sorry)
				}
				return nil
			})
			if (err == nil) != (i%3 == 0) {
				t.Errorf("write %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 60, size(t, s, "db.c"))
	require.NoError(t, s.Verify(ctx))
	require.NoError(t, s.View(func(tx *Tx) error {
		require.Len(t, tx.Collections("db"), 1)
		require.True(t, tx.Collection("db.c").Index("n").Multikey)
		return nil
	}))
}

func TestAFailedAlterationLeavesNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx := t.Context()
	require.NoError(t, s.Update(ctx, func(tx *Tx) error {
		c, err := tx.Create("db.c")
		if err != nil {
			return err
		}
		return errors.Join(tx.Insert(c, encode(t, bson.D{{Key: "_id", Value: 1}})), tx.Insert(c, encode(t, bson.D{{Key: "_id", Value: 2}})))
	}))
	unique := index(t, bson.D{{Key: "key", Value: bson.D{{Key: "n", Value: 1}}}, {Key: "name", Value: "n"}, {Key: "unique", Value: true}})
	err := s.Alter(ctx, func(tx *Tx) error {
		_, err := tx.CreateIndex(tx.Collection("db.c"), unique)
		return err
	})
	require.ErrorContains(t, err, "E11000")
	require.NoError(t, s.View(func(tx *Tx) error {
		require.Empty(t, tx.Collection("db.c").Indexes)
		return nil
	}))
	require.Equal(t, 2, size(t, s, "db.c"))
}

func TestAWriteThatIsNotWantedAnyMoreDoesNotHappen(t *testing.T) {
	t.Parallel()
	s := open(t)
	busy, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.Update(t.Context(), func(*Tx) error { close(busy); <-release; return nil })
	})
	<-busy
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ran := false
	require.ErrorIs(t, s.Update(ctx, func(*Tx) error { ran = true; return nil }), context.Canceled)
	close(release)
	wg.Wait()
	require.False(t, ran)
}
