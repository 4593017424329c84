package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// startPatience is long enough for slow machines; the death of a component ends
	// the wait at once.
	startPatience = 3 * time.Minute
	stopPatience  = 10 * time.Second
)

// up runs a cluster in opts.dir until ctx ends or a component dies. When it
// returns, all processes of the cluster have ended.
func up(ctx context.Context, opts options, stdout, stderr io.Writer) (err error) {
	// The kernel ends the components together with the thread that started them.
	runtime.LockOSThread()
	log := slog.New(slog.NewTextHandler(stderr, nil))
	h, lock, err := openHome(opts.dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := killLeftovers(ctx, h, log); err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	c := &cluster{home: h, opts: opts, log: log, ps: newProcesses(h, exe, log)}
	defer c.ps.stop(stopPatience)
	if err := c.prepare(); err != nil {
		return err
	}
	// The API server asks for metrics as soon as it runs, and again only
	// after seconds when there was no answer.
	metrics, err := startMetrics(c.home, c.ports.Metrics, c.authority(), c.informers, log)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	defer func() { err = errors.Join(err, metrics.close()) }()

	starting, cancel := context.WithTimeoutCause(ctx, startPatience, errors.New("it takes too long"))
	defer cancel()
	if err := c.start(starting); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	return c.serve(ctx, func() {
		fmt.Fprintln(stdout, "ready", filepath.Join(opts.dir, "kubeconfig"))
	})
}

// cluster is a cluster that is starting or running.
type cluster struct {
	home   home
	opts   options
	log    *slog.Logger
	ps     *processes
	ports  ports
	config *rest.Config
	client kubernetes.Interface

	informers informers.SharedInformerFactory // run with the controllers
}

// start returns when the components can be used.
func (c *cluster) start(ctx context.Context) error {
	if err := c.startAPI(ctx); err != nil {
		return err
	}
	if err := c.populate(ctx); err != nil {
		return err
	}
	if err := c.ps.start(controllerManagerComponent(c.home)); err != nil {
		return err
	}
	if err := c.ps.start(schedulerComponent(c.home)); err != nil {
		return err
	}
	// kwok gives up when it has a stage for a kind without a schema.
	if err := c.ps.await(ctx, "example kind", schemaPublished(c.client, "apis/example.kubeorch.io/v1")); err != nil {
		return err
	}
	if err := c.ps.start(kwokComponent(c.home, c.ports)); err != nil {
		return err
	}
	return c.awaitReady(ctx)
}

// prepare creates everything that needs no running process.
func (c *cluster) prepare() (err error) {
	if c.ports, err = choosePorts(c.home, 2*time.Second); err != nil {
		return fmt.Errorf("ports: %w", err)
	}
	if err := makeCertificates(c.home); err != nil {
		return err
	}
	if err := ensureAdminToken(c.home); err != nil {
		return err
	}
	if err := writeKubeconfigs(c.home, c.ports); err != nil {
		return err
	}
	if err := writeKwokConfig(c.home); err != nil {
		return err
	}
	if c.config, err = clientcmd.BuildConfigFromFlags("", c.home.path("kubeconfig")); err != nil {
		return err
	}
	c.config.QPS = -1 // the API server limits by itself
	if c.client, err = kubernetes.NewForConfig(c.config); err != nil {
		return err
	}
	c.informers = informers.NewSharedInformerFactory(c.client, 0)
	return nil
}

func (c *cluster) startAPI(ctx context.Context) error {
	apiserver, err := apiserverComponent(c.home, c.ports, c.opts.oidc)
	if err != nil {
		return err
	}
	if err := c.ps.start(etcdComponent(c.home, c.ports)); err != nil {
		return err
	}
	if err := c.ps.start(apiserver); err != nil {
		return err
	}
	return c.ps.await(ctx, "API server", apiserverReady(c.client))
}

// populate creates the objects that the other components expect.
func (c *cluster) populate(ctx context.Context) error {
	dynamicClient, err := dynamic.NewForConfig(c.config)
	if err != nil {
		return err
	}
	if err := applyManifests(ctx, dynamicClient); err != nil {
		return fmt.Errorf("manifests: %w", err)
	}
	if err := applyObjects(ctx, dynamicClient, metricsObjects(c.ports.Metrics, c.config.CAData)); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := ensureNodes(ctx, c.client, c.opts.nodes, c.ports.Kubelet); err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	if err := releaseNodes(ctx, c.client); err != nil {
		return fmt.Errorf("node leases: %w", err)
	}
	return resetProbe(ctx, c.client)
}

func (c *cluster) awaitReady(ctx context.Context) error {
	conditions := []struct {
		what  string
		holds condition
	}{
		{"service account token", serviceAccountToken(c.client, c.home.path("sa.token"))},
		{"controllers", controllersReady(c.client)},
		{"kwok", kwokReady(c.ports, &tls.Config{RootCAs: c.authority()})},
		{"nodes", nodesReady(c.client, c.opts.nodes)},
	}
	for _, condition := range conditions {
		if err := c.ps.await(ctx, condition.what, condition.holds); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) authority() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.config.CAData)
	return pool
}

// serve runs the parts that are no processes, and calls ready when they work. It
// returns an error when a component dies.
func (c *cluster) serve(ctx context.Context, ready func()) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	controllers, err := startControllers(ctx, c.client, c.informers, c.log)
	if err != nil {
		return err
	}
	defer controllers.close()
	kubelet, err := startKubelet(ctx, c.home, c.ports.Kubelet, c.client, c.authority())
	if err != nil {
		return fmt.Errorf("kubelet: %w", err)
	}
	defer func() { err = errors.Join(err, kubelet.close()) }()
	pods := &podLog{dir: c.home.path("pods")}
	if err := pods.begin(time.Now()); err != nil {
		return err
	}
	logging := make(chan error, 1)
	go func() { logging <- pods.run(ctx) }()
	switch err := c.awaitMetrics(ctx); {
	case err == nil:
		ready()
	case ctx.Err() == nil:
		cancel()
		return errors.Join(err, <-logging)
	}
	select {
	case <-ctx.Done():
		c.log.Info("stopping")
		return <-logging
	case err := <-logging:
		return fmt.Errorf("log of the pods: %w", err)
	case p := <-c.ps.died:
		return p.failure()
	}
}
