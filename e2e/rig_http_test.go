package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// api is where the paths of the API begin.
const api = "/v1/api"

// object is what JSON calls one.
type object = map[string]any

// answer is a response that has been read.
type answer struct {
	*http.Response
	text string
}

// json returns the body, which has to be an object.
func (a answer) json(t *testing.T) object {
	t.Helper()
	var out object
	require.NoError(t, json.Unmarshal([]byte(a.text), &out), a.text)
	return out
}

// encoded returns body as JSON. A string is JSON already.
func encoded(t *testing.T, body any) string {
	t.Helper()
	switch body := body.(type) {
	case nil:
		return ""
	case string:
		return body
	default:
		text, err := json.Marshal(body)
		require.NoError(t, err)
		return string(text)
	}
}

// call sends body, if any, as JSON with the bearer token, if any. It returns
// redirects as they are.
func (s *server) call(t *testing.T, method, path, token, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
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

// ask calls a path below the base of the API as p, requires the status and
// returns the answer.
func (p *person) ask(t *testing.T, status int, method, path string, body any) object {
	t.Helper()
	res := p.call(t, method, api+path, p.token, encoded(t, body))
	require.Equal(t, status, res.StatusCode, "%s %s: %s", method, path, res.text)
	return res.json(t)
}

// send is exchange for those who need only the status and the body.
func (p *person) send(ctx context.Context, method, path, body string) (status int, text string, err error) {
	res, err := p.exchange(ctx, method, path, body)
	if err != nil {
		return 0, "", err
	}
	return res.StatusCode, res.text, nil
}

// exchange is ask for goroutines that are not the test's.
func (p *person) exchange(ctx context.Context, method, path, body string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.url+api+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+p.token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return answer{res, string(text)}, err
}
