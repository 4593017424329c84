package replicaset

import (
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

func TestRetries(t *testing.T) {
	t.Parallel()
	r := newRetries()
	calls := 0
	write := func(answer bson.D) bson.Raw {
		t.Helper()
		doc, err := r.do("s", int64(calls/10), func() (bson.Raw, error) { calls++; return bson.Marshal(answer) })
		require.NoError(t, err)
		return doc
	}
	good, bad := bson.D{{Key: "ok", Value: 1}}, failure(1, "InternalError", "")
	require.False(t, succeeded(write(bad)))
	require.True(t, succeeded(write(good)), "what failed is tried again")
	require.True(t, succeeded(write(bad)), "what succeeded is not")
	require.Equal(t, 2, calls)
	calls = 10
	require.False(t, succeeded(write(bad)), "the next write")
	calls = 0
	require.EqualValues(t, codeTransactionTooOld, write(good).Lookup("code").Int32())
	require.Zero(t, calls)
}

func TestRetryWaitsForTheFirstAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRetries()
		begun, finish, second := make(chan struct{}), make(chan struct{}), make(chan bson.Raw)
		good, err := bson.Marshal(bson.D{{Key: "ok", Value: 1}})
		require.NoError(t, err)
		go func() {
			_, _ = r.do("s", 1, func() (bson.Raw, error) { close(begun); <-finish; return good, nil })
		}()
		<-begun
		go func() {
			doc, _ := r.do("s", 1, func() (bson.Raw, error) { panic("it is done twice") })
			second <- doc
		}()
		close(finish)
		require.Equal(t, bson.Raw(good), <-second)
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	r := newRetries()
	large, err := bson.Marshal(bson.D{{Key: "ok", Value: 1}, {Key: "value", Value: make([]byte, 1<<20)}})
	require.NoError(t, err)
	for i := range 2 * maxSessions {
		answer := bson.Raw(large[:len(large)*(i%2)])
		_, err := r.do(strconv.Itoa(i), 1, func() (bson.Raw, error) { return answer, nil })
		require.NoError(t, err)
	}
	require.LessOrEqual(t, r.bytes, maxRemembered)
	require.LessOrEqual(t, len(r.sessions), maxSessions)
	require.Len(t, r.sessions, r.used.Len())
}
