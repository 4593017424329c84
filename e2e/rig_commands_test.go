package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// command runs kubeorch on a data directory and returns what it prints. When it
// fails, the error is the line in which it says why.
func command(t *testing.T, dir string, args ...string) (stdout string, err error) {
	t.Helper()
	return commandWith(t, dir, nil, args...)
}

// commandWith is command with settings, given as pairs.
func commandWith(t *testing.T, dir string, env []string, args ...string) (stdout string, err error) {
	t.Helper()
	return commandIn(t, environment(dir, env...), args...)
}

// commandIn is command with a complete environment.
func commandIn(t *testing.T, env []string, args ...string) (stdout string, err error) {
	t.Helper()
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(t.Context(), built.path, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		require.Equal(t, 1, failed.ExitCode(), complaint.String())
		lines := strings.Split(strings.TrimSpace(complaint.String()), "\n")
		why, ok := strings.CutPrefix(lines[len(lines)-1], "kubeorch: ")
		require.True(t, ok, complaint.String())
		return out.String(), errors.New(why)
	}
	require.NoError(t, err)
	return out.String(), nil
}

// commanded is command for what has to succeed.
func commanded(t *testing.T, dir string, args ...string) (stdout string) {
	t.Helper()
	out, err := command(t, dir, args...)
	require.NoError(t, err, out)
	return out
}

// beginCommand starts a command and returns it with its first line and what
// reads the rest, when the first line is there.
func beginCommand(t *testing.T, dir string, args ...string) (cmd *exec.Cmd, first string, rest func() string) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), built.path, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = environment(dir, "LOG_LEVEL", "info")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewReader(stdout)
	first, err = lines.ReadString('\n')
	require.NoError(t, err)
	return cmd, first, func() string {
		text, err := io.ReadAll(lines)
		require.NoError(t, err)
		return string(text)
	}
}
