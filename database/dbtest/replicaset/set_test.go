package replicaset_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.uber.org/goleak"

	"github.com/kubeorch/core/database/dbtest/replicaset"
	"github.com/kubeorch/core/database/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve serves a new store as a set until the test ends.
func serve(t *testing.T, name string) (set *replicaset.Set, address string) {
	t.Helper()
	store, err := embedded.Open(t.Context(), t.TempDir(), embedded.Options{})
	require.NoError(t, err)
	set = replicaset.New(name, func(ctx context.Context) (net.Conn, error) { return store.DialContext(ctx, "", "") })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- set.Serve(ctx, ln, "") }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, store.Close(context.WithoutCancel(t.Context())))
	})
	return set, ln.Addr().String()
}

func connect(t *testing.T, uri string, o *options.ClientOptions) *mongo.Collection {
	t.Helper()
	client, err := mongo.Connect(o.ApplyURI(uri))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Disconnect(context.WithoutCancel(t.Context()))) })
	return client.Database("test").Collection("c")
}

func TestDriverSeesAReplicaSet(t *testing.T) {
	t.Parallel()
	set, address := serve(t, "rs0")
	coll := connect(t, "mongodb://"+address+"/?replicaSet=rs0&appName=one", options.Client())
	_, err := coll.InsertMany(t.Context(), []any{bson.M{"_id": 1, "n": 0}, bson.M{"_id": 2}})
	require.NoError(t, err)
	for range 3 {
		_, err = coll.UpdateByID(t.Context(), 1, bson.M{"$inc": bson.M{"n": 1}})
		require.NoError(t, err)
	}
	var got bson.M
	require.NoError(t, coll.FindOneAndUpdate(t.Context(), bson.M{"_id": 1}, bson.M{"$inc": bson.M{"n": 1}},
		options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&got))
	require.EqualValues(t, 4, got["n"], "further writes of a session are done")
	_, err = coll.InsertOne(t.Context(), bson.M{"_id": 2})
	require.True(t, mongo.IsDuplicateKeyError(err))
	n, err := coll.CountDocuments(t.Context(), bson.M{})
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.Equal(t, map[string]int64{"insert": 2, "update": 3, "findAndModify": 1, "aggregate": 1}, operations(set.Counts()["one"]))
}

// operations are commands without those by which a driver watches a server.
func operations(counts map[string]int64) map[string]int64 {
	delete(counts, "hello")
	delete(counts, "isMaster")
	return counts
}

func TestDriverSeesAStandaloneServer(t *testing.T) {
	t.Parallel()
	set, address := serve(t, "")
	coll := connect(t, "mongodb://"+address+"/?appName=two", options.Client())
	_, err := coll.InsertOne(t.Context(), bson.M{"_id": 1})
	require.NoError(t, err)
	require.EqualValues(t, 1, set.Counts()["two"]["insert"])
	admin := coll.Database().Client().Database("admin")
	require.ErrorContains(t, admin.RunCommand(t.Context(), bson.D{{Key: "replSetStepDown", Value: 1}}).Err(), "NoReplicationEnabled")
	var status struct{ Apps map[string]map[string]int64 }
	require.NoError(t, admin.RunCommand(t.Context(), bson.D{{Key: "serverStatus", Value: 1}}).Decode(&status))
	require.EqualValues(t, 1, status.Apps["two"]["insert"])
}

func TestSecondaryRefuses(t *testing.T) {
	t.Parallel()
	set, address := serve(t, "rs0")
	// A direct connection goes to whatever is there, and shows its refusals.
	coll := connect(t, "mongodb://"+address+"/?directConnection=true&retryWrites=false&retryReads=false", options.Client())
	_, err := coll.InsertOne(t.Context(), bson.M{"_id": 1})
	require.NoError(t, err)
	set.StepDown(time.Hour)
	require.Eventually(t, func() bool { return coll.Database().Client().Ping(t.Context(), nil) == nil }, 10*time.Second, time.Millisecond)
	requireCode(t, 10107, coll.FindOneAndDelete(t.Context(), bson.M{}).Err())
	for _, write := range []func() error{
		func() error { _, err := coll.InsertOne(t.Context(), bson.M{}); return err },
		func() error {
			_, err := coll.UpdateOne(t.Context(), bson.M{}, bson.M{"$set": bson.M{"a": 1}})
			return err
		},
		func() error { _, err := coll.DeleteOne(t.Context(), bson.M{}); return err },
		func() error {
			_, err := coll.Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: bson.D{{Key: "a", Value: 1}}})
			return err
		},
	} {
		requireCode(t, 10107, write())
	}
	find := bson.D{{Key: "find", Value: "c"}}
	secondary := options.RunCmd().SetReadPreference(readpref.Secondary())
	require.NoError(t, coll.Database().RunCommand(t.Context(), find, secondary).Err(), "secondaries may be read")
	set.StepDown(0)
	require.Eventually(t, func() bool { return coll.FindOne(t.Context(), bson.M{"_id": 1}).Err() == nil }, 10*time.Second, time.Millisecond)
}

func requireCode(t *testing.T, code int, err error) {
	t.Helper()
	var failed mongo.ServerError
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.HasErrorCode(code), "%v", err)
}

// Writers that a step-down disturbs wait until there is a primary again; each
// write is done once.
func TestWritersOverAStepDown(t *testing.T) {
	t.Parallel()
	set, address := serve(t, "rs0")
	coll := connect(t, "mongodb://"+address+"/?replicaSet=rs0", options.Client())
	const writers = 8
	_, err := coll.InsertOne(t.Context(), bson.M{"_id": "counter", "n": 0})
	require.NoError(t, err)
	stopped, done := make(chan struct{}), make(chan int, writers)
	for range writers {
		go func() {
			acknowledged := 0
			defer func() { done <- acknowledged }()
			for {
				select {
				case <-stopped:
					return
				default:
				}
				if _, err := coll.UpdateByID(t.Context(), "counter", bson.M{"$inc": bson.M{"n": 1}}); err != nil {
					t.Error(err)
					return
				}
				acknowledged++
			}
		}()
	}
	require.Eventually(t, func() bool { return counter(t, coll) > 50 }, 10*time.Second, time.Millisecond)
	require.NoError(t, coll.Database().Client().Database("admin").RunCommand(t.Context(), bson.D{{Key: "replSetStepDown", Value: 1}}).Err())
	before := counter(t, coll)
	require.Eventually(t, func() bool { return counter(t, coll) > before+50 }, 10*time.Second, time.Millisecond)
	close(stopped)
	sum := 0
	for range writers {
		sum += <-done
	}
	require.Equal(t, sum, counter(t, coll))
	require.NotZero(t, set.Counts()[""]["update"])
}

func counter(t *testing.T, coll *mongo.Collection) int {
	var doc struct{ N int }
	require.NoError(t, coll.FindOne(t.Context(), bson.M{"_id": "counter"}).Decode(&doc))
	return doc.N
}

// lossy dials connections of which one loses an answer once lose is set: the
// request arrives, and the connection ends in place of the answer.
type lossy struct{ lose atomic.Bool }

func (l *lossy) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	return &lossyConn{c, l, false}, err
}

type lossyConn struct {
	net.Conn
	lossy *lossy
	lost  bool
}

func (c *lossyConn) Write(p []byte) (int, error) {
	c.lost = bytes.Contains(p, []byte("txnNumber")) && c.lossy.lose.CompareAndSwap(true, false)
	return c.Conn.Write(p)
}

func (c *lossyConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.lost && err == nil {
		return 0, errors.Join(io.ErrUnexpectedEOF, c.Close())
	}
	return n, err
}

// A write whose answer is lost is sent again, and done once.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	_, address := serve(t, "rs0")
	dialer := &lossy{}
	coll := connect(t, "mongodb://"+address, options.Client().SetDialer(dialer))
	lose := func() { dialer.lose.Store(true) }
	lose()
	_, err := coll.InsertOne(t.Context(), bson.M{"_id": "counter", "n": 0})
	require.NoError(t, err, "the second attempt finds no duplicate key")
	lose()
	res, err := coll.UpdateByID(t.Context(), "counter", bson.M{"$inc": bson.M{"n": 1}})
	require.NoError(t, err)
	require.EqualValues(t, 1, res.ModifiedCount)
	lose()
	var old struct{ N int }
	require.NoError(t, coll.FindOneAndUpdate(t.Context(), bson.M{"_id": "counter"}, bson.M{"$inc": bson.M{"n": 1}}).Decode(&old))
	require.Equal(t, 1, old.N)
	require.Equal(t, 2, counter(t, coll))
	require.False(t, dialer.lose.Load(), "all three were lost")
}

func TestPasswordIsRefused(t *testing.T) {
	t.Parallel()
	_, address := serve(t, "rs0")
	coll := connect(t, "mongodb://ann:hunter2@"+address, options.Client().SetServerSelectionTimeout(2*time.Second))
	err := coll.Database().Client().Ping(t.Context(), nil)
	require.ErrorContains(t, err, "AuthenticationFailed")
	require.NotContains(t, err.Error(), "hunter2")
}
