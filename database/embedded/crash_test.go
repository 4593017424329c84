package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/kubeorch/core/database/embedded"
)

// childEnv makes the test binary play a part in a process of its own instead of
// running tests. Its value is the part and the directory.
const childEnv = "KUBEORCH_EMBEDDED_TEST_CHILD"

// batchSize is how many documents one command writes.
const batchSize = 5

func TestMain(m *testing.M) {
	if part, dir, ok := strings.Cut(os.Getenv(childEnv), ":"); ok {
		if err := playChild(part, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func playChild(part, dir string) error {
	ctx := context.Background()
	if part == "fulldisk" {
		return fillDisk(ctx, dir, os.Stdout)
	}
	return writeForEver(ctx, dir, os.Stdout)
}

// startChild runs this binary in a part.
func startChild(t *testing.T, part, dir string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+part+":"+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, out
}

// connect opens the store in dir with a client.
func connect(ctx context.Context, dir string) (*embedded.Store, *mongo.Client, error) {
	s, err := embedded.Open(ctx, dir, embedded.Options{})
	if err != nil {
		return nil, nil, err
	}
	client, err := mongo.Connect(s.ClientOptions())
	return s, client, err
}

// writeForEver writes batches from several goroutines and prints the number of
// each when it was acknowledged.
func writeForEver(ctx context.Context, dir string, out io.Writer) error {
	_, client, err := connect(ctx, dir)
	if err != nil {
		return err
	}
	coll := client.Database("crash").Collection("batches")
	_, err = coll.Indexes().CreateMany(ctx, []mongo.IndexModel{
		{Keys: bson.D{{Key: "batch", Value: 1}, {Key: "part", Value: -1}}, Options: options.Index().SetUnique(true)},
		{Keys: bson.D{{Key: "tags", Value: 1}}},
	})
	if err != nil {
		return err
	}
	var last struct{ Batch int64 }
	newest := options.FindOne().SetSort(bson.D{{Key: "batch", Value: -1}, {Key: "part", Value: 1}})
	if err := coll.FindOne(ctx, bson.M{}, newest).Decode(&last); err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return err
	}
	var next atomic.Int64
	next.Store(last.Batch)
	g, ctx := errgroup.WithContext(ctx)
	for range 4 {
		g.Go(func() error {
			for {
				if err := writeBatch(ctx, coll, int(next.Add(1)), out); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

func writeBatch(ctx context.Context, coll *mongo.Collection, n int, out io.Writer) error {
	docs := make([]any, batchSize)
	for i := range docs {
		docs[i] = bson.M{"_id": fmt.Sprint(n, "-", i), "batch": n, "part": i, "v": 0, "tags": bson.A{"a", n}, "pad": strings.Repeat("x", n%3000)}
	}
	if _, err := coll.InsertMany(ctx, docs); err != nil {
		return err
	}
	fmt.Fprintf(out, "inserted %d\n", n)
	change := bson.M{"$inc": bson.M{"v": 1}, "$push": bson.M{"tags": "changed"}}
	if _, err := coll.UpdateMany(ctx, bson.M{"batch": n}, change); err != nil {
		return err
	}
	fmt.Fprintf(out, "changed %d\n", n)
	if n%4 == 0 {
		if _, err := coll.DeleteMany(ctx, bson.M{"batch": n}); err != nil {
			return err
		}
		fmt.Fprintf(out, "deleted %d\n", n)
	}
	return nil
}

// TestKilledWriter kills a process that writes again and again, and looks each
// time at what it left behind.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acked := map[int]string{} // the last acknowledged step of each batch
	for round := range 12 {
		cmd, out := startChild(t, "writer", dir)
		lines := bufio.NewScanner(out)
		require.True(t, lines.Scan(), "the writer wrote nothing")
		note(t, acked, lines.Text())
		kill := time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		for lines.Scan() {
			note(t, acked, lines.Text())
		}
		kill.Stop()
		require.ErrorContains(t, cmd.Wait(), "killed")
		requireWhole(t, dir, acked, round)
	}
	require.Greater(t, len(acked), 12)
}

func note(t *testing.T, acked map[int]string, line string) {
	t.Helper()
	step, number, ok := strings.Cut(line, " ")
	n, err := strconv.Atoi(number)
	if !ok || err != nil {
		return // cut off by the kill
	}
	acked[n] = step
}

// requireWhole checks every batch: what was acknowledged is there, and of each
// command all effects or none.
func requireWhole(t *testing.T, dir string, acked map[int]string, round int) {
	t.Helper()
	s, client, err := connect(t.Context(), dir)
	require.NoError(t, err, "round %d", round)
	defer func() {
		require.NoError(t, client.Disconnect(t.Context()))
		require.NoError(t, s.Close(t.Context()))
	}()
	require.NoError(t, s.Verify(t.Context()))
	cur, err := client.Database("crash").Collection("batches").Find(t.Context(), bson.M{})
	require.NoError(t, err)
	var rows []struct{ Batch, V int }
	require.NoError(t, cur.All(t.Context(), &rows))
	count, changed := map[int]int{}, map[int]int{}
	for _, r := range rows {
		count[r.Batch]++
		changed[r.Batch] += r.V
	}
	for n, c := range count {
		require.Equal(t, batchSize, c, "batch %d is half there", n)
		require.Contains(t, []int{0, batchSize}, changed[n], "batch %d is half changed", n)
		require.NotEqual(t, "deleted", acked[n], "batch %d came back", n)
	}
	for n, step := range acked {
		switch {
		case step == "inserted":
			// What followed may have been committed without an answer.
			require.True(t, count[n] == batchSize || n%4 == 0, "batch %d is lost", n)
		case step == "changed" && n%4 != 0:
			require.Equal(t, batchSize, changed[n], "the change of batch %d is lost", n)
		}
	}
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd, out := startChild(t, "writer", dir)
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	require.True(t, bufio.NewScanner(out).Scan())
	start := time.Now()
	_, err := embedded.Open(t.Context(), dir, embedded.Options{})
	require.ErrorIs(t, err, embedded.ErrInUse)
	require.ErrorContains(t, err, dir)
	require.Less(t, time.Since(start), 5*time.Second)
}
