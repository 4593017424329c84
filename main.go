// Command kubeorch is the KubeOrch server: it stores drawn applications, runs
// them on Kubernetes clusters and streams what becomes of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"k8s.io/klog/v2"

	"github.com/kubeorch/core/app"
	"github.com/kubeorch/core/utils/config"
	"github.com/kubeorch/core/utils/logging"
)

const usage = `Usage: kubeorch [command] [--config FILE]

Commands:
  serve        run the server (the default)
  healthcheck  ask the server on the configured port whether it is alive
  new-key      put a new encryption key in front of those in DATA_DIR; it counts
               from the next start on
  rotate-keys  encrypt again what is stored under another key than the first one,
               while servers run, and tell which keys nothing needs any more;
               --drop-old removes those from DATA_DIR
  version      print the version

Settings come from the environment, then FILE (CONFIG_FILE, or config.yaml where
there is one), then defaults. config.yaml.example explains all of them.
`

// gcPercent is how much garbage may be beside what is alive before it is
// collected. With Go's default of 100 the bounds of requests, which count what is
// alive, would hold only half of the memory that they permit.
const gcPercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal begins an orderly stop; a second one then ends the
	// process in the usual way.
	context.AfterFunc(ctx, stop)
	// client-go logs by itself, in a format of its own. What matters of it
	// reaches our log as the errors of its calls.
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		// Joined errors have a line each; the end of a process has one.
		fmt.Fprintln(os.Stderr, "kubeorch:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

// run executes one command and blocks until it is done, for the server until
// ctx ends or a part of it fails. Everything it started has stopped when it
// returns.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("kubeorch", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { _, _ = io.WriteString(stderr, usage) }
	file := flags.String("config", "", "configuration `file`")
	dropOld := flags.Bool("drop-old", false, "remove keys that nothing needs")
	command := "serve"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		command, args = args[0], args[1:]
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; see kubeorch --help", flags.Arg(0))
	}
	if *dropOld && command != "rotate-keys" {
		return fmt.Errorf("--drop-old is for rotate-keys and not for %s", command)
	}
	switch command {
	case "version":
		_, err := fmt.Fprintln(stdout, app.Version())
		return err
	case "help":
		_, err := io.WriteString(stdout, usage)
		return err
	case "serve", "healthcheck", "new-key", "rotate-keys":
		cfg, err := config.Load(*file, getenv)
		if err != nil {
			return err
		}
		log, err := logging.New(stderr, cfg.LogLevel, cfg.LogFormat)
		if err != nil {
			return err
		}
		return runConfigured(ctx, command, cfg, *dropOld, stdout, log)
	}
	return fmt.Errorf("there is no command %q; see kubeorch --help", command)
}

func runConfigured(ctx context.Context, command string, cfg config.Config, dropOld bool, stdout io.Writer, log *slog.Logger) error {
	switch command {
	case "healthcheck":
		return app.Healthcheck(ctx, cfg)
	case "new-key":
		return app.NewKey(cfg, stdout)
	case "rotate-keys":
		return app.RotateKeys(ctx, cfg, dropOld, stdout, log)
	default:
		return serve(ctx, cfg, log)
	}
}

// stopTimeout bounds the whole of stopping.
const stopTimeout = 30 * time.Second

// step is one named part of starting or stopping.
type step struct {
	name string
	do   func(context.Context) error
}

// serve runs the server until ctx ends or it fails.
func serve(ctx context.Context, cfg config.Config, log *slog.Logger) (err error) {
	server := app.New(cfg, log)
	defer func() { err = errors.Join(err, takeDown(ctx, server, log)) }()
	if err := bringUp(ctx, server); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-server.Failed():
		return err
	}
}

// bringUp starts the parts in their order; the configuration has been loaded
// and checked before. The first failure ends it.
func bringUp(ctx context.Context, server *app.Server) error {
	for _, step := range []step{
		{"database", server.OpenDatabase},
		{"secrets", server.LoadSecrets},
		{"servers", server.Register},
		{"binding of the secrets", server.BindSecrets},
		{"schema", server.Migrate},
		{"templates", server.LoadTemplates},
		{"services", server.Build},
		{"workers", server.StartWorkers},
		{"control socket", server.OpenControlSocket},
		{"joining of the servers", server.Join},
		{"http server", server.Listen},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// takeDown stops the parts in their order. Each gets its turn, also when an
// earlier one failed, and those that were never started have nothing to do.
func takeDown(ctx context.Context, server *app.Server, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	var errs []error
	for _, step := range []step{
		{"taking work", server.Retire},
		{"new runs", server.RefuseRuns},
		{"clusters", server.StopBalancer},
		{"resource watchers", server.StopWatchers},
		{"event streams", server.CloseStreams},
		{"workers and runs", server.StopWorkers},
		{"http server", server.StopHTTP},
		{"control socket", server.CloseControlSocket},
		{"cluster connections", server.Disconnect},
		{"relay", server.StopRelay},
		{"servers", server.Leave},
		{"database", server.CloseDatabase},
	} {
		log.DebugContext(ctx, "stopping", "part", step.name)
		if err := step.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", step.name, err))
		}
	}
	log.InfoContext(ctx, "stopped")
	return errors.Join(errs...)
}
