package conformance

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// contend runs try in n goroutines at once and returns how many got true.
func contend(t *testing.T, n int, try func(ctx context.Context, i int) (bool, error)) int {
	t.Helper()
	var wg sync.WaitGroup
	var won atomic.Int32
	start := make(chan struct{})
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			<-start
			ok, err := try(t.Context(), i)
			if ok {
				won.Add(1)
			}
			errs[i] = err
		})
	}
	close(start)
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	return int(won.Load())
}

func TestLockIsTakenOnce(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll, `{"_id": 1, "owner": null, "round": 0}`)
	for round := range 20 {
		won := contend(t, 8, func(ctx context.Context, i int) (bool, error) {
			err := coll.FindOneAndUpdate(ctx, bson.M{"_id": 1, "owner": nil, "round": round},
				bson.M{"$set": bson.M{"owner": i}}).Err()
			if errors.Is(err, mongo.ErrNoDocuments) {
				return false, nil
			}
			return err == nil, err
		})
		require.Equal(t, 1, won, "round %d", round)
		_, err := coll.UpdateByID(t.Context(), 1, bson.M{"$set": bson.M{"owner": nil}, "$inc": bson.M{"round": 1}})
		require.NoError(t, err)
	}
}

func TestIncrementsAddUp(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll, `{"_id": 1, "n": 0}`)
	const workers, each = 8, 50
	contend(t, workers, func(ctx context.Context, _ int) (bool, error) {
		for range each {
			if _, err := coll.UpdateByID(ctx, 1, bson.M{"$inc": bson.M{"n": 1}}); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	require.Equal(t, []int{1}, ids(t, coll, bson.M{"n": workers * each}))
}

func TestUpsertsOfOneKeyMakeOneDocument(t *testing.T) {
	t.Parallel()
	coll := open(t)
	ensure(t, coll, `{"k": 1}`, options.Index().SetUnique(true))
	contend(t, 8, func(ctx context.Context, _ int) (bool, error) {
		_, err := coll.UpdateOne(ctx, bson.M{"k": "x"}, bson.M{"$inc": bson.M{"n": 1}}, options.UpdateOne().SetUpsert(true))
		return err == nil, err
	})
	n, err := coll.CountDocuments(t.Context(), bson.M{"k": "x", "n": 8})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

// Each reader must see both documents of a write or neither.
func TestReadersSeeWholeCommands(t *testing.T) {
	t.Parallel()
	embeddedOnly(t)
	coll := open(t)
	insert(t, coll, `{"_id": 1, "n": 0}`, `{"_id": 2, "n": 0}`)
	contend(t, 4, func(ctx context.Context, i int) (bool, error) {
		for range 100 {
			if i == 0 {
				if _, err := coll.UpdateMany(ctx, bson.M{}, bson.M{"$inc": bson.M{"n": 1}}); err != nil {
					return false, err
				}
				continue
			}
			var rows []struct{ N int }
			cur, err := coll.Find(ctx, bson.M{})
			if err != nil {
				return false, err
			}
			if err := cur.All(ctx, &rows); err != nil {
				return false, err
			}
			if len(rows) != 2 || rows[0].N != rows[1].N {
				return false, errors.New("half a command is visible")
			}
		}
		return true, nil
	})
}
