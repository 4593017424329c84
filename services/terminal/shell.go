package terminal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// shells returns the programs that a terminal may run, in the order in which they are
// tried. The short names are looked up in the PATH of the container.
func shells() []string { return []string{"/bin/sh", "/bin/bash", "sh", "bash"} }

// shellsFor returns the requested shell, and the others for images that lack it.
func shellsFor(requested string) []string {
	others := slices.DeleteFunc(shells(), func(s string) bool { return s == requested })
	if requested == "" {
		return others
	}
	return append([]string{requested}, others...)
}

const (
	notExecutable = 126 // the exit codes with which runtimes tell that a program
	notFound      = 127 // cannot be started
)

// runShell runs the first shell that the container has. It returns why it ended.
func (t *session) runShell(ctx context.Context) error {
	if t.fault != nil {
		return t.fault
	}
	if t.debug != nil {
		if err := t.startDebug(ctx); err != nil {
			return err
		}
	}
	var missing error
	for _, shell := range t.shells {
		has, err := t.try(ctx, shell)
		if has {
			return shellEnd(err)
		}
		if missing == nil {
			missing = err
		}
	}
	return t.noShell(missing)
}

// try runs one shell and returns how it ended. has is false when the container lacks
// it.
func (t *session) try(ctx context.Context, shell string) (has bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, next := t.input.attempt(ctx), t.sizes.follow(ctx)
	out := &output{send: func(text string) error {
		in.prints()
		return t.print(ctx, text)
	}}
	err = t.cluster.Exec(ctx, kubernetes.ExecTarget{
		Namespace: t.resource.Namespace, Pod: t.resource.Name, Container: t.container, Command: []string{shell},
	}, kubernetes.TerminalStreams{Input: in, Output: out, NextSize: func() (kubernetes.TerminalSize, bool) {
		in.stands()
		return next()
	}})
	exit, exited := errors.AsType[*kubernetes.ExitError](err)
	switch {
	case exited && !in.used.Load() && (exit.Code == notExecutable || exit.Code == notFound),
		kubernetes.ReasonOf(err) == kubernetes.NoCommand:
		return false, err
	}
	if ctx.Err() == nil { // else the shell may still be writing
		out.flush()
	}
	return true, err
}

// shellEnd says how a shell ended.
func shellEnd(err error) error {
	exit, exited := errors.AsType[*kubernetes.ExitError](err)
	switch {
	case err == nil:
		return ending{text: "the shell has ended"}
	case exited:
		return ending{text: fmt.Sprintf("the shell has ended with exit code %d", exit.Code)}
	}
	return err
}

// noShell says that the container has no shell, and what to do.
func (t *session) noShell(err error) error {
	msg := fmt.Sprintf("container %s has no shell: none of %s can be started (%s)",
		t.container, strings.Join(t.shells, ", "), models.MessageOf(err))
	if !t.debugging {
		msg += "; open the terminal with ?debug=true for one in a debug container beside it"
	}
	return &models.Error{Op: "terminal.session.noShell", Kind: models.Failed, Msg: msg, Err: err}
}
