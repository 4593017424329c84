package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	gorilla "github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// ExecTarget is a command in a container of a pod.
type ExecTarget struct {
	Namespace, Pod, Container string

	Command []string
}

// TerminalSize is the size of a terminal in characters.
type TerminalSize struct{ Rows, Cols uint16 }

// TerminalStreams connect a terminal. Input is read and Output is written by one
// goroutine each, some of which may still be in a call when Exec has returned: the
// caller makes these calls end.
type TerminalStreams struct {
	Input  io.Reader
	Output io.Writer
	// NextSize waits for the next size of the terminal; ok is false when there will
	// be none. Its first call tells that the cluster has accepted the connection.
	NextSize func() (size TerminalSize, ok bool)
}

// ExitError says that a command ended with another code than 0.
type ExitError struct{ Code int }

// Error returns the code in words.
func (e *ExitError) Error() string { return fmt.Sprintf("the command ended with exit code %d", e.Code) }

// UserMessage is the text of Error.
func (e *ExitError) UserMessage() string { return e.Error() }

// Exec runs a command with a terminal in a container until the command or ctx ends.
// It talks to the cluster by WebSocket, or by SPDY where that is refused. The error is
// an *ExitError when the command ended by itself, and else an *Error. Its reason is
// NoCommand when the container has no such program. Input waits without a limit for a
// command that does not read.
func (c *Connection) Exec(ctx context.Context, t ExecTarget, s TerminalStreams) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes connections that a handshake has left
	cfg, err := c.Upgrade(ctx)
	if err != nil {
		return err
	}
	security, err := tlsConfig(c.access)
	if err != nil {
		return err
	}
	at := c.typed.CoreV1().RESTClient().Post().
		Namespace(t.Namespace).Resource("pods").Name(t.Pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: t.Container, Command: t.Command, Stdin: true, Stdout: true, TTY: true,
		}, scheme.ParameterCodec).URL()
	socket, err := webSocketExecutor(cfg, security, at)
	if err != nil {
		return c.Err(err)
	}
	legacy, err := spdyExecutor(cfg, security, at)
	if err != nil {
		return c.Err(err)
	}
	executor, err := remotecommand.NewFallbackExecutor(socket, legacy, httpstream.IsUpgradeFailure)
	if err != nil {
		return c.Err(err)
	}
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{
		Stdin: s.Input, Stdout: s.Output, Tty: true, TerminalSizeQueue: sizeQueue(s.NextSize),
	})
	return c.execError(err)
}

// sizeQueue adapts TerminalStreams.NextSize.
type sizeQueue func() (TerminalSize, bool)

// Next returns nil when there will be no further size.
func (q sizeQueue) Next() *remotecommand.TerminalSize {
	size, ok := q()
	if !ok {
		return nil
	}
	return &remotecommand.TerminalSize{Width: size.Cols, Height: size.Rows}
}

// execError tells apart how a command ended, what the runtime of the containers says,
// and failures of the connection.
func (c *Connection) execError(err error) error {
	if err == nil {
		return nil
	}
	if exit, ok := errors.AsType[exec.CodeExitError](err); ok {
		return &ExitError{exit.Code}
	}
	if upgrade, ok := errors.AsType[*httpstream.UpgradeFailureError](err); ok {
		err = upgrade.Cause
	}
	text := err.Error()
	if _, closed := errors.AsType[*gorilla.CloseError](err); closed || strings.HasPrefix(text, "error reading from error stream") {
		return &Error{Reason: Unreachable, Message: "the connection to the cluster broke off", Err: err}
	}
	if isMissingProgram(text) {
		return c.Err(&Error{Reason: NoCommand, Message: clean(text), Err: err})
	}
	e := Translate(err)
	if e.Reason == Other && errors.Unwrap(err) == nil { // a status that the runtime sent
		e = &Error{Reason: Other, Message: clean(text), Err: err}
	}
	return c.Err(e)
}

// isMissingProgram knows the texts of containerd, CRI-O and Docker.
func isMissingProgram(text string) bool {
	for _, sign := range []string{"no such file or directory", "executable file not found", "not found in $PATH"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
