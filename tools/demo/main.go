// Command demo shows the whole product at once: it starts a server and a
// control plane (or takes the cluster of KUBECONFIG), deploys a sample
// application, and prints its nodes turning healthy as the server reports it.
//
// Usage: demo -server bin/kubeorch -cluster bin/devcluster -state .cache/demo
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.StringVar(&o.server, "server", "bin/kubeorch", "the server `binary`")
	flag.StringVar(&o.cluster, "cluster", "bin/devcluster", "the dev cluster `binary`; unused when KUBECONFIG is set")
	flag.StringVar(&o.state, "state", ".cache/demo", "`directory` for the server's and the cluster's data")
	flag.StringVar(&o.app, "app", "docs/examples/shop.json", "the application to deploy, a JSON `file`")
	flag.IntVar(&o.port, "port", 3000, "where the API listens; another port is taken when it is in use")
	flag.BoolVar(&o.exit, "exit", false, "end when the application has settled instead of waiting for Ctrl-C")
	flag.Parse()
	o.kubeconfig = os.Getenv("KUBECONFIG")
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
