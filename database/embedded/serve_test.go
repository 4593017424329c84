package embedded_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database/embedded"
)

// serve serves s on a port of its own until the returned stop is called, which
// returns what Serve did.
func serve(t *testing.T, s *embedded.Store) (client *mongo.Client, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln) }()
	client, err = mongo.Connect(options.Client().ApplyURI("mongodb://" + ln.Addr().String()).SetServerSelectionTimeout(2 * time.Second))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Disconnect(context.WithoutCancel(t.Context()))) })
	return client, func() error { cancel(); return <-ended }
}

func TestServedStore(t *testing.T) {
	t.Parallel()
	s, inside := openStore(t, t.TempDir(), embedded.Options{})
	one, stopOne := serve(t, s)
	two, stopTwo := serve(t, s)
	for i, client := range []*mongo.Client{one, two, inside.Client()} {
		_, err := client.Database("test").Collection("c").InsertOne(t.Context(), bson.M{"_id": i})
		require.NoError(t, err)
	}
	require.Equal(t, 3, count(t, two.Database("test").Collection("c")), "it is one database")

	require.NoError(t, stopOne())
	require.Error(t, one.Ping(t.Context(), nil))
	require.NoError(t, two.Ping(t.Context(), nil), "the other listener goes on")
	require.NoError(t, stopTwo())
	require.Equal(t, 3, count(t, inside.Collection("c")))
}

func TestServingEndsWithTheStore(t *testing.T) {
	t.Parallel()
	s, err := embedded.Open(t.Context(), t.TempDir(), embedded.Options{})
	require.NoError(t, err)
	client, stop := serve(t, s)
	coll := client.Database("test").Collection("c")
	_, err = coll.InsertOne(t.Context(), bson.M{})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { // writes until the store is gone
			for err := error(nil); err == nil; {
				_, err = coll.InsertOne(t.Context(), bson.M{})
			}
		})
	}
	require.NoError(t, s.Close(t.Context()))
	wg.Wait()
	require.NoError(t, stop())

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, s.Serve(t.Context(), ln), "a closed store serves nothing")
	require.Error(t, ln.Close(), "it was closed")
}

func TestListenerThatFails(t *testing.T) {
	t.Parallel()
	s, _ := openStore(t, t.TempDir(), embedded.Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	require.ErrorIs(t, s.Serve(t.Context(), ln), net.ErrClosed)
}
