package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// Whatever the whole server starts has ended when its command returns. The
// tests in e2e, which see the process from outside, cannot tell.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// environment is that of a server on a port of its own.
func environment(dir string, env ...string) func(string) string {
	all := map[string]string{"DATA_DIR": dir, "HOST": "127.0.0.1", "PORT": "0", "GIN_MODE": "test", "PASSWORD_COST": "10"}
	for i := 0; i < len(env); i += 2 {
		all[env[i]] = env[i+1]
	}
	return func(key string) string { return all[key] }
}

// addressLog delivers where a server says that it listens.
type addressLog struct {
	once  sync.Once
	found chan string
}

var listening = regexp.MustCompile(`msg=listening addr=(\S+)`)

func (l *addressLog) Write(line []byte) (int, error) {
	if m := listening.FindSubmatch(bytes.TrimSpace(line)); m != nil {
		l.once.Do(func() { l.found <- string(m[1]) })
	}
	return len(line), nil
}

func TestServerStartsAndStops(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, email := range []string{"ann@example.org", ""} { // the second time with the data of the first
		ctx, cancel := context.WithCancel(t.Context())
		log, ended := &addressLog{found: make(chan string, 1)}, make(chan error, 1)
		go func() { ended <- run(ctx, nil, environment(dir), io.Discard, log) }()
		select {
		case address := <-log.found:
			beUsed(t, "http://"+address, email)
		case err := <-ended:
			require.Fail(t, "the server ended", "%v", err)
		case <-time.After(time.Minute):
			require.Fail(t, "the server does not listen")
		}
		cancel()
		require.NoError(t, <-ended)
	}
}

// beUsed has a server do what starts goroutines: with an account, connect to a
// cluster and open a stream, which is left open.
func beUsed(t *testing.T, url, email string) {
	t.Helper()
	request(t, http.StatusOK, http.MethodGet, url+"/readyz", "", "")
	if email == "" {
		return
	}
	const api = "/v1/api"
	made := request(t, http.StatusCreated, http.MethodPost, url+api+"/auth/register", "", `{"name":"Ann","email":"`+email+`","password":"secret1"}`)
	token := regexp.MustCompile(`"token":"([^"]+)"`).FindStringSubmatch(made)
	require.NotNil(t, token)
	request(t, http.StatusCreated, http.MethodPost, url+api+"/clusters", token[1],
		`{"name":"far","server":"https://127.0.0.1:1","authType":"token","credentials":{"token":"t"}}`)
	events := send(t, http.MethodGet, url+api+"/clusters/stream", token[1], "")
	require.Equal(t, http.StatusOK, events.StatusCode)
	t.Cleanup(func() {
		text, err := io.ReadAll(events.Body)
		require.NoError(t, err, "the stop ends the stream")
		require.Contains(t, string(text), "event: complete")
		require.NoError(t, events.Body.Close())
	})
}

func request(t *testing.T, status int, method, url, token, body string) string {
	t.Helper()
	res := send(t, method, url, token, body)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, status, res.StatusCode, string(text))
	return string(text)
}

func send(t *testing.T, method, url, token, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	require.NoError(t, err)
	return res
}

// Whichever step of starting fails, the parts before it are taken down again.
func TestServerThatCannotStart(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env []string
		err string
	}{
		"database":    {[]string{"MONGO_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=10", "JWT_SECRET", strings.Repeat("s", 32), "ENCRYPTION_KEY", strings.Repeat("k", 32)}, "database: "},
		"templates":   {[]string{"TEMPLATES_DIR", "/nowhere"}, "templates: TEMPLATES_DIR: open /nowhere"},
		"http server": {[]string{"HOST", "192.0.2.1"}, "http server: listen"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := run(t.Context(), []string{"serve"}, environment(t.TempDir(), tc.env...), io.Discard, io.Discard)
			require.ErrorContains(t, err, tc.err)
		})
	}
}
