// Command devcluster is a real Kubernetes control plane in one binary, for
// trying KubeOrch and for its tests. Each component is a subcommand; "up"
// starts all of them and waits until the cluster can be used.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: devcluster up --dir DIR [--nodes N] [--oidc-issuer-url URL --oidc-client-id ID [--oidc-ca-file FILE]]
       devcluster etcd | kube-apiserver | kube-controller-manager | kube-scheduler | kwok [flags of that component]
       devcluster kubectl ARGS
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	name, args := os.Args[1], os.Args[2:]
	if run, ok := subcommands()[name]; ok {
		// They read os.Args themselves.
		os.Args = append([]string{"devcluster " + name}, args...)
		os.Exit(run())
	}
	if name != "up" {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := runUp(ctx, args, os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "devcluster:", err)
		stop()
		os.Exit(1)
	}
}

func runUp(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	opts, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if opts.stopWithStdin {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		go func() {
			_, _ = io.Copy(io.Discard, stdin)
			cancel()
		}()
	}
	return up(ctx, opts, stdout, stderr)
}
