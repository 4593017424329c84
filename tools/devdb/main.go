// Command devdb serves an embedded store as a MongoDB server on ports of this
// machine, for trying and testing several servers on one database where no
// MongoDB is at hand. It asks for no password, so it listens on the loopback only.
//
// Usage: devdb -dir DIR [-replSet NAME] [-listen ADDRESS[=PUBLIC]]...
//
// It prints "listening ADDRESS" for each -listen and stops on SIGTERM. With
// -replSet it is the primary of a replica set of one member: drivers retry writes,
// and replSetStepDown works. PUBLIC is the address that such drivers are told to
// use, for one that they reach through a proxy. serverStatus has in apps the
// number of commands of each application, which a client's URI names appName.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubeorch/core/database/dbtest/replicaset"
	"github.com/kubeorch/core/database/embedded"
)

// closeTime bounds closing the store.
const closeTime = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var listen []string
	dir := flag.String("dir", "", "the `directory` of the store")
	name := flag.String("replSet", "", "the `name` of the replica set; none: a standalone server")
	flag.Func("listen", "`address[=public]` to listen on, repeatable (default 127.0.0.1:0)", func(v string) error {
		listen = append(listen, v)
		return nil
	})
	flag.Parse()
	if len(listen) == 0 {
		listen = []string{"127.0.0.1:0"}
	}
	if err := serve(ctx, *dir, *name, listen); err != nil {
		fmt.Fprintln(os.Stderr, "devdb:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, dir, name string, listen []string) (err error) {
	if dir == "" {
		return errors.New("-dir is missing")
	}
	store, err := embedded.Open(ctx, dir, embedded.Options{})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
		defer cancel()
		err = errors.Join(err, store.Close(ctx))
	}()
	set := replicaset.New(name, func(ctx context.Context) (net.Conn, error) { return store.DialContext(ctx, "", "") })
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for _, pair := range listen {
		address, public, _ := strings.Cut(pair, "=")
		ln, err := listenLocally(address)
		if err != nil {
			stop()
			return errors.Join(err, group.Wait())
		}
		fmt.Println("listening", ln.Addr())
		group.Go(func() error { return set.Serve(ctx, ln, public) })
	}
	return group.Wait()
}

// listenLocally listens on an address of the loopback.
func listenLocally(address string) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	if at, ok := ln.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("%s is no address of the loopback", address), ln.Close())
	}
	return ln, nil
}
