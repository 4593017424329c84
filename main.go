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
	"strings"
	"syscall"

	"k8s.io/klog/v2"

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

func main() {
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
		_, err := fmt.Fprintln(stdout, version())
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
		return healthcheck(ctx, cfg)
	case "new-key":
		return newKey(cfg, stdout)
	case "rotate-keys":
		return rotateKeys(ctx, cfg, dropOld, stdout, log)
	default:
		return serve(ctx, cfg, log)
	}
}
