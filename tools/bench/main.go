// Command bench measures the server against floors and peers taken in the
// same run on the same machine, and prints a table with a verdict per row.
//
// Usage: bench -server bin/kubeorch -cluster bin/devcluster [-only run,get]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{}
	flag.StringVar(&b.serverBin, "server", "bin/kubeorch", "the server `binary`")
	flag.StringVar(&b.clusterBin, "cluster", "bin/devcluster", "the dev cluster `binary`")
	only := flag.String("only", "", "comma-separated `groups` to measure: "+strings.Join(groupNames(), ","))
	role := flag.String("role", "", "internal: run as a helper process (bytes, informers, sse)")
	flag.Parse()
	if err := start(ctx, b, *role, *only, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// start runs the measurements, or, for a role, the process that one of them
// compares with.
func start(ctx context.Context, b *bench, role, only string, args []string) error {
	switch role {
	case "":
		return b.run(ctx, only)
	case "bytes":
		return serveBytes(ctx, args)
	case "informers":
		return runInformers(ctx, args)
	case "sse":
		return serveStreams(ctx)
	}
	return fmt.Errorf("unknown role %q", role)
}
