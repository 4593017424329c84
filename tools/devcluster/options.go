package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
)

// options are the flags of "up".
type options struct {
	dir   string // as given, since it is printed back
	nodes int
	oidc  oidcOptions
	// stopWithStdin stops the cluster when standard input ends, and so with the
	// process at its other end.
	stopWithStdin bool
}

// oidcOptions let people log in with tokens of an OpenID provider; the zero
// value switches that off.
type oidcOptions struct {
	issuerURL     string
	clientID      string
	caFile        string
	usernameClaim string
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("devcluster up", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.dir, "dir", "", "directory that holds the cluster's keys, data and logs (required)")
	fs.IntVar(&o.nodes, "nodes", 3, "number of nodes")
	fs.StringVar(&o.oidc.issuerURL, "oidc-issuer-url", "", "OpenID provider whose tokens the API server accepts")
	fs.StringVar(&o.oidc.clientID, "oidc-client-id", "", "audience that those tokens must have")
	fs.StringVar(&o.oidc.caFile, "oidc-ca-file", "", "certificate authority of the provider")
	fs.StringVar(&o.oidc.usernameClaim, "oidc-username-claim", "sub", "claim that names the user")
	fs.BoolVar(&o.stopWithStdin, "stop-with-stdin", false, "stop when standard input ends, as it does when its writer dies")
	if err := fs.Parse(args); err != nil {
		return options{}, err
	}
	if fs.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return o, o.check()
}

func (o options) check() error {
	var errs []error
	if o.dir == "" {
		errs = append(errs, errors.New("--dir is required"))
	}
	if o.nodes < 0 || o.nodes > 1000 {
		errs = append(errs, errors.New("--nodes must be between 0 and 1000"))
	}
	if (o.oidc.issuerURL == "") != (o.oidc.clientID == "") {
		errs = append(errs, errors.New("--oidc-issuer-url and --oidc-client-id belong together"))
	}
	return errors.Join(errs...)
}

// apiserverArgs are the flags of kube-apiserver for these options. The prefix
// separates the provider's users from those of the cluster itself.
func (o oidcOptions) apiserverArgs() ([]string, error) {
	if o.issuerURL == "" {
		return nil, nil
	}
	args := []string{
		"--oidc-issuer-url=" + o.issuerURL,
		"--oidc-client-id=" + o.clientID,
		"--oidc-username-claim=" + o.usernameClaim,
		"--oidc-username-prefix=oidc:",
		"--oidc-groups-claim=groups",
		"--oidc-groups-prefix=oidc:",
	}
	if o.caFile != "" {
		abs, err := filepath.Abs(o.caFile)
		if err != nil {
			return nil, fmt.Errorf("--oidc-ca-file: %w", err)
		}
		args = append(args, "--oidc-ca-file="+abs)
	}
	return args, nil
}
