package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubeorch/core/database/dbtest/replicaset"
	"github.com/kubeorch/core/database/embedded"
	"github.com/kubeorch/core/tools/internal/api"
	"github.com/kubeorch/core/tools/internal/proc"
)

// serversTime is how long the commands of idle servers are counted.
const serversTime = 20 * time.Second

// measureServers reports what servers on one database cost that have nothing to do:
// one that is alone, and two of which one has readers of event streams.
func measureServers(ctx context.Context, b *bench) error {
	return b.withDatabase(ctx, "servers", b.measureIdleServers)
}

// withDatabase calls do with a database of its own that serves at a listener and counts
// commands.
func (b *bench) withDatabase(
	ctx context.Context, name string, do func(context.Context, net.Listener, *replicaset.Set) error,
) (err error) {
	store, err := embedded.Open(ctx, filepath.Join(b.dir, name), embedded.Options{})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, store.Close(ctx))
	}
	set := replicaset.New("rs0", func(ctx context.Context) (net.Conn, error) { return store.DialContext(ctx, "", "") })
	serving, stop := context.WithCancel(ctx)
	var group errgroup.Group
	group.Go(func() error { return set.Serve(serving, ln, "") })
	defer func() {
		stop()
		err = errors.Join(err, group.Wait(), store.Close(ctx))
	}()
	return do(ctx, ln, set)
}

func (b *bench) measureIdleServers(ctx context.Context, ln net.Listener, set *replicaset.Set) error {
	alone, err := b.onDatabase(ctx, ln, 0)
	if err != nil {
		return err
	}
	defer alone.Stop()
	before, err := b.idle(ctx, set, alone)
	if err != nil {
		return err
	}
	other, err := b.onDatabase(ctx, ln, 1)
	if err != nil {
		return err
	}
	defer other.Stop()
	c := api.New(other.URL)
	if err := c.SignIn(ctx, "bench@example.com", "bench-password"); err != nil {
		return err
	}
	leave := keepStream(ctx, c, "/clusters/stream")
	defer leave()
	after, err := b.idle(ctx, set, alone, other)
	if err != nil {
		return err
	}
	b.add(row{
		what: "idle server on a database, alone", got: before[0].String(), floor: "-", bar: "reported", info: true,
	})
	b.add(row{
		what: "idle server beside another one, without and with a reader of a stream",
		got:  after[0].String() + "; " + after[1].String(), floor: "-", bar: "reported", info: true,
	})
	return nil
}

// onDatabase starts server i on the database that ln is.
func (b *bench) onDatabase(ctx context.Context, ln net.Listener, i int) (*proc.Server, error) {
	secret := strings.Repeat("bench-", 8) // nobody else reaches the database
	return proc.StartServer(ctx, b.serverBin, filepath.Join(b.dir, "server"), 0,
		fmt.Sprintf("MONGO_URI=mongodb://%s/?replicaSet=rs0&appName=%s", ln.Addr(), appName(i)),
		"JWT_SECRET="+secret, "ENCRYPTION_KEY="+secret)
}

func appName(i int) string { return fmt.Sprintf("server-%d", i) }

// idleServer is what a server costs.
type idleServer struct {
	commands float64 // a second
	memory   int64
}

// String is the text for the table.
func (s idleServer) String() string {
	return fmt.Sprintf("%.1f commands/s, %s", s.commands, mb(s.memory))
}

// idle counts the commands of servers, by number, for a while.
func (b *bench) idle(ctx context.Context, set *replicaset.Set, servers ...*proc.Server) ([]idleServer, error) {
	if err := pause(ctx, quiet); err != nil {
		return nil, err
	}
	count := func(i int) (n int64) {
		for name, c := range set.Counts()[appName(i)] {
			if name != "hello" && name != "isMaster" {
				n += c
			}
		}
		return n
	}
	var before []int64
	for i := range servers {
		before = append(before, count(i))
	}
	if err := pause(ctx, serversTime); err != nil {
		return nil, err
	}
	var all []idleServer
	for i, s := range servers {
		memory, err := rss(s.PID())
		if err != nil {
			return nil, err
		}
		all = append(all, idleServer{float64(count(i)-before[i]) / serversTime.Seconds(), memory})
	}
	return all, nil
}
