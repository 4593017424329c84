package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// shared is the cluster of the tests that only add objects to one.
var shared kubetest.Shared

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		beServer()
		return
	}
	goleak.VerifyTestMain(shared.Main(m))
}

// logBuffer collects what the server logs while it runs.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// running is a server in this process, reached as its users reach it.
type running struct {
	url  string
	log  *logBuffer
	stop func() error
}

var address = regexp.MustCompile(`msg=listening addr=(\S+)`)

// start runs the server on a port of its own with its data in dir and waits
// until it listens. It is stopped at the end of the test at the latest.
func start(t *testing.T, dir string, env ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{log: &logBuffer{}}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, nil, environment(dir, env...), io.Discard, r.log) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { require.NoError(t, r.stop()) })
	require.Eventually(t, func() bool {
		if m := address.FindStringSubmatch(r.log.String()); m != nil {
			r.url = "http://" + m[1]
		}
		return r.url != "" || len(ended) > 0
	}, 20*time.Second, 5*time.Millisecond)
	require.NotEmpty(t, r.url, r.log.String())
	return r
}

func environment(dir string, env ...string) func(string) string {
	m := map[string]string{"DATA_DIR": dir, "HOST": "127.0.0.1", "PORT": "0", "LOG_LEVEL": "debug", "GIN_MODE": "test",
		"RATE_LIMIT_RPS": "0", "RATE_LIMIT_AUTH_PER_MINUTE": "0", // a test is one client
		"PASSWORD_COST": "10", // the race detector makes 12 take seconds
	}
	for i := 0; i < len(env); i += 2 {
		m[env[i]] = env[i+1]
	}
	return func(key string) string { return m[key] }
}

// answer is a response that has been read.
type answer struct {
	*http.Response
	text string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.text), &out), a.text)
	return out
}

// call sends body, if any, as JSON with the bearer token, if any. It returns
// redirects as they are.
func (r *running) call(t *testing.T, method, path, token, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: time.Minute}
	res, err := client.RoundTrip(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return answer{res, string(text)}
}

func (r *running) register(t *testing.T, email, code string) answer {
	t.Helper()
	return r.call(t, "POST", "/v1/api/auth/register", "",
		`{"name":"Ann","email":"`+email+`","password":"secret1","confirmPassword":"secret1","inviteCode":"`+code+`"}`)
}

func TestServerLife(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := start(t, dir)
	token, _ := r.register(t, "ann@example.org", "").json(t)["token"].(string)
	require.Equal(t, 200, r.call(t, "GET", "/v1/api/profile", token, "").StatusCode)
	for _, name := range []string{"jwt.secret", "encryption.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
	}

	err := run(t.Context(), nil, environment(dir), io.Discard, io.Discard)
	require.Error(t, err, "a second server on the same directory")
	require.NotContains(t, err.Error(), "\n")

	require.NoError(t, r.stop())
	require.NotContains(t, r.log.String(), token)
	again := start(t, dir)
	require.Equal(t, 200, again.call(t, "GET", "/v1/api/profile", token, "").StatusCode, "the secret was kept, and so was the account")
}

func TestCommands(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir())
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
		"directories not there":    {env: []string{"TEMPLATES_DIR", "/nowhere", "PLUGINS_DIR", "/nor/here"}, err: "TEMPLATES_DIR: open /nowhere: no such file or directory\nPLUGINS_DIR: open /nor/here: no such"},
		"a file that is not there": {args: []string{"--config", "/nowhere.yaml"}, err: "/nowhere.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := run(t.Context(), tc.args, environment(t.TempDir(), tc.env...), &out, io.Discard)
			require.Contains(t, out.String(), tc.out)
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
	err := run(t.Context(), nil, environment(dir), io.Discard, io.Discard)
	require.ErrorContains(t, err, "encryption.key is damaged")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "c2hvcnQ=\n", string(data))
}
