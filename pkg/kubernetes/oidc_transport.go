package kubernetes

import (
	"io"
	"net/http"
)

// oidcTransport adds an ID token to each request.
type oidcTransport struct {
	tokens *idTokens
	next   http.RoundTripper
}

// RoundTrip sends r. When the cluster refuses the token, it sends r once more
// with another one, if there is one and the body can be read again.
func (t *oidcTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := t.tokens.get(r.Context())
	if err != nil {
		closeBody(r)
		return nil, err
	}
	resp, err := t.send(r, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !repeatable(r) {
		return resp, err
	}
	fresh, err := t.tokens.replace(r.Context(), token)
	if err == nil && fresh == token {
		return resp, nil
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	again := r.Clone(r.Context())
	if r.GetBody != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
	}
	return t.send(again, fresh)
}

func (t *oidcTransport) send(r *http.Request, token string) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return t.next.RoundTrip(r)
}

func repeatable(r *http.Request) bool {
	return r.Body == nil || r.Body == http.NoBody || r.GetBody != nil
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}
