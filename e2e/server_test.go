package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServerLife(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := startIn(t, dir)
	token := r.signUp(t, "ann@example.org", "").token
	require.Equal(t, 200, r.call(t, "GET", "/v1/api/profile", token, "").StatusCode)
	for _, name := range []string{"jwt.secret", "encryption.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
	}

	_, err := command(t, dir, "serve")
	require.ErrorContains(t, err, "in use", "a second server on the same directory")

	r.stop(t)
	require.NotContains(t, r.log.String(), token)
	again := startIn(t, dir)
	require.Equal(t, 200, again.call(t, "GET", "/v1/api/profile", token, "").StatusCode, "the secret was kept, and so was the account")
}

func TestCommands(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir())
	_, port, _ := strings.Cut(strings.TrimPrefix(r.url, "http://"), ":")
	for name, tc := range map[string]struct {
		args []string
		env  []string
		out  string
		err  string
	}{
		"version":                  {args: []string{"version"}, out: "kubeorch "},
		"help":                     {args: []string{"help"}, out: "healthcheck"},
		"an unknown command":       {args: []string{"destroy"}, err: `no command "destroy"`},
		"an unknown flag":          {args: []string{"serve", "--prot"}, err: "prot"},
		"a superfluous argument":   {args: []string{"serve", "now"}, err: `"now"`},
		"a healthy server":         {args: []string{"healthcheck"}, env: []string{"PORT", port}},
		"a healthcheck of no port": {args: []string{"healthcheck"}, err: "fixed PORT"},
		"a healthcheck of nobody":  {args: []string{"healthcheck"}, env: []string{"PORT", "1"}, err: "refused"},
		"faults in settings":       {env: []string{"LOG_LEVEL", "x", "TOKEN_TTL", "y"}, err: "LOG_LEVEL: must be one of debug, info, warn, error; TOKEN_TTL"},
		"a port in use":            {env: []string{"PORT", port}, err: "http server: listen"},
		"directories not there":    {env: []string{"TEMPLATES_DIR", "/nowhere", "PLUGINS_DIR", "/nor/here"}, err: "TEMPLATES_DIR: open /nowhere: no such file or directory; PLUGINS_DIR: open /nor/here: no such"},
		"a file that is not there": {args: []string{"--config", "/nowhere.yaml"}, err: "/nowhere.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := commandWith(t, t.TempDir(), tc.env, tc.args...)
			require.Contains(t, out, tc.out)
			if tc.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.err)
		})
	}
}

func TestDamagedSecretIsNotReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "encryption.key")
	require.NoError(t, os.WriteFile(path, []byte("c2hvcnQ=\n"), 0o600))
	_, err := command(t, dir)
	require.ErrorContains(t, err, "encryption.key is damaged")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "c2hvcnQ=\n", string(data))
}
