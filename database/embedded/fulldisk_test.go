package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// sizeLimit is how large the child's files may get.
const sizeLimit = 4 << 20

// TestFullDisk runs a process whose files cannot grow any more. It exits with
// an error if one of the promises does not hold.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	cmd, out := startChild(t, "fulldisk", t.TempDir())
	logged, err := io.ReadAll(out)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait(), "%s", logged)
	require.Contains(t, string(logged), "all good")
}

// fillDisk writes until the limit refuses it, then checks what is there, and
// goes on when there is room again.
func fillDisk(ctx context.Context, dir string, out io.Writer) error {
	s, client, err := connect(ctx, dir)
	if err != nil {
		return err
	}
	coll := client.Database("full").Collection("docs")
	unique := mongo.IndexModel{Keys: bson.D{{Key: "n", Value: 1}}, Options: options.Index().SetUnique(true)}
	if _, err := coll.Indexes().CreateOne(ctx, unique); err != nil {
		return err
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: sizeLimit, Max: old.Max}); err != nil {
		return err
	}
	stored, err := insertUntilError(ctx, coll)
	var se mongo.ServerError
	if !errors.As(err, &se) || !se.HasErrorCode(14031) {
		return fmt.Errorf("want OutOfDiskSpace, got %w", err)
	}
	if err := requireCount(ctx, coll, stored); err != nil {
		return fmt.Errorf("while full: %w", err)
	}
	if err := s.Verify(ctx); err != nil {
		return fmt.Errorf("while full: %w", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	if _, err := coll.InsertOne(ctx, bson.M{"n": stored}); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	if err := requireCount(ctx, coll, stored+1); err != nil {
		return err
	}
	if err := errors.Join(s.Verify(ctx), client.Disconnect(ctx), s.Close(ctx)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "all good after", stored)
	return err
}

func insertUntilError(ctx context.Context, coll *mongo.Collection) (int, error) {
	for n := range 1000 {
		if _, err := coll.InsertOne(ctx, bson.M{"n": n, "pad": strings.Repeat("x", 64<<10)}); err != nil {
			return n, err
		}
	}
	return 0, errors.New("the disk was never full")
}

func requireCount(ctx context.Context, coll *mongo.Collection, want int) error {
	n, err := coll.CountDocuments(ctx, bson.M{})
	if err == nil && int(n) != want {
		err = fmt.Errorf("%d documents, want %d", n, want)
	}
	return err
}
