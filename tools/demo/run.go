package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/kubeorch/core/tools/internal/api"
	"github.com/kubeorch/core/tools/internal/proc"
)

type options struct {
	server, cluster, state, app, kubeconfig string
	port                                    int
	exit                                    bool
}

// The demo's account. The server listens on loopback and its data belongs to
// the demo, so the password protects nothing.
const (
	email       = "demo@example.com"
	password    = "kubeorch-demo"
	clusterName = "demo"
)

// startTime bounds the start of the control plane and of the server.
const startTime = 3 * time.Minute

// run does the whole demonstration, and stops everything that it started before it
// returns. Ctrl-C is a normal end.
func run(ctx context.Context, o options) error {
	begin := time.Now()
	kubeconfig, stopCluster, err := cluster(ctx, o)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	defer stopCluster()
	srv, err := server(ctx, o)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	defer srv.Stop()
	c := api.New(srv.URL)
	id, err := deploy(ctx, c, o, kubeconfig)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	outcome, err := follow(ctx, c, id)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	say("%s after %.1f s in all", outcome, time.Since(begin).Seconds())
	if o.exit {
		return nil
	}
	explain(c, id)
	select {
	case <-ctx.Done():
		say("stopping")
		return nil
	case <-srv.Done():
		return fmt.Errorf("the server ended by itself:\n%s", srv.Tail())
	}
}

// unlessStopped returns nil for errors that follow from Ctrl-C.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// cluster returns a kubeconfig with embedded data, and a function that stops its
// control plane.
func cluster(ctx context.Context, o options) (kubeconfig string, stop func(), err error) {
	if o.kubeconfig != "" {
		say("using the current context of KUBECONFIG=%s", o.kubeconfig)
		kubeconfig, err = flatten(o.kubeconfig)
		return kubeconfig, func() {}, err
	}
	say("starting a control plane (etcd, API server, controllers, scheduler, simulated nodes)")
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	p, path, err := proc.StartCluster(ctx, o.cluster, filepath.Join(o.state, "cluster"))
	if err != nil {
		return "", nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		p.Stop()
		return "", nil, err
	}
	say("control plane is ready; for kubectl: export KUBECONFIG=%s", path)
	return string(b), p.Stop, nil
}

func server(ctx context.Context, o options) (*proc.Server, error) {
	port := o.port
	if ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
		say("port %d is in use; taking another one", port)
		port = 0
	} else if err := ln.Close(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	begin := time.Now()
	s, err := proc.StartServer(ctx, o.server, filepath.Join(o.state, "data"), port)
	if err != nil {
		return nil, err
	}
	say("server listens on %s, %d ms after its start", s.URL, time.Since(begin).Milliseconds())
	return s, nil
}

// deploy signs in, registers the cluster, saves the application and runs it.
func deploy(ctx context.Context, c *api.Client, o options, kubeconfig string) (id string, err error) {
	var g api.Graph
	b, err := os.ReadFile(o.app)
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil {
		return "", fmt.Errorf("read the application: %w", err)
	}
	address, err := serverOf(kubeconfig)
	if err != nil {
		return "", err
	}
	if err := c.SignIn(ctx, email, password); err != nil {
		return "", err
	}
	if err := c.AddCluster(ctx, clusterName, address, kubeconfig); err != nil {
		return "", err
	}
	say("signed in as %s and added cluster %q at %s", email, clusterName, address)
	if id, err = c.Workflow(ctx, g, clusterName); err != nil {
		return "", err
	}
	if err := c.Save(ctx, id, g); err != nil {
		return "", err
	}
	say("saved the drawing: %d nodes, %d edges; running it", len(g.Nodes), len(g.Edges))
	res, err := c.Run(ctx, id, typedValues())
	for _, l := range res.Logs {
		fmt.Println("   ", l)
	}
	if err == nil && res.Status == "failed" {
		err = errors.New("the run failed")
	}
	return id, err
}

// typedValues are the values that a person would type before a run. The server
// passes them to the cluster and stores none of them.
func typedValues() any {
	return map[string]any{
		"secrets": map[string]any{"node-3": map[string]string{"POSTGRES_PASSWORD": "not-a-secret-in-a-demo"}},
		"envVars": map[string]any{"node-6": map[string]string{"API_TOKEN": "typed-at-run-time"}},
	}
}

func say(format string, args ...any) {
	fmt.Printf("==> "+format+"\n", args...)
}
