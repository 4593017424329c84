package kubernetes

import (
	"io"
	"net/http"
)

// oidcAuth logs each request in with an ID token.
type oidcAuth struct {
	tokens *idTokens
	next   http.RoundTripper
}

// RoundTrip sends r, and once more with another token when the cluster does
// not accept the first.
func (a *oidcAuth) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := a.tokens.get(r.Context())
	if err != nil {
		closeBody(r)
		return nil, err
	}
	resp, err := a.send(r, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !repeatable(r) {
		return resp, err
	}
	fresh, err := a.tokens.after(r.Context(), token)
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
	return a.send(again, fresh)
}

func (a *oidcAuth) send(r *http.Request, token string) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return a.next.RoundTrip(r)
}

func repeatable(r *http.Request) bool {
	return r.Body == nil || r.Body == http.NoBody || r.GetBody != nil
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}
