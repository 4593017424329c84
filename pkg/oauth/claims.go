package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Mapping names the claims to read where a provider has its own: paths such as
// "user.mail" or "emails.0". Empty ones mean the usual claims.
type Mapping struct {
	Subject       string // plain OAuth2 only: "sub", else "id"
	Email         string // "email"
	EmailVerified string // "email_verified", which then says nothing about another claim than "email"
	Name          string // "name"
}

// claims is what a provider says about a person. Numbers keep their digits.
type claims map[string]any

// UnmarshalJSON reads an object.
func (c *claims) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	return dec.Decode((*map[string]any)(c))
}

// text returns the first of the paths that leads to a text or a number; a given
// first path, unless it is empty, is the only one.
func (c claims) text(paths ...string) string {
	if len(paths) > 1 && paths[0] != "" {
		paths = paths[:1]
	}
	for _, path := range paths {
		switch v := c.at(path).(type) {
		case string:
			if v = strings.TrimSpace(v); v != "" {
				return v
			}
		case json.Number:
			return v.String()
		}
	}
	return ""
}

// verification reads a truth that some providers send as text.
func (c claims) verification(path string) Verification {
	switch v := c.at(path).(type) {
	case bool:
		if v {
			return Verified
		}
		return Unverified
	case string:
		if strings.EqualFold(v, "true") {
			return Verified
		}
		return Unverified
	case nil:
		return Unknown
	}
	return Unverified
}

// at returns what path leads to, or nil. A claim whose name has dots, as names
// that are URLs do, is found under that name.
func (c claims) at(path string) any {
	if v, ok := c[path]; ok || path == "" {
		return v
	}
	var now any = map[string]any(c)
	for step := range strings.SplitSeq(path, ".") {
		switch v := now.(type) {
		case map[string]any:
			now = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			now = v[i]
		default:
			return nil
		}
	}
	return now
}

func (p *Provider) userInfo(ctx context.Context, at, accessToken string) (c claims, err error) {
	return c, p.ask(ctx, at, accessToken, &c)
}

// gitHubEmail returns the person's primary address if it is verified, else "".
func (p *Provider) gitHubEmail(ctx context.Context, accessToken string) (string, error) {
	var list []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified bool   `json:"verified"`
	}
	at := strings.TrimSuffix(p.cfg.UserInfoURL, "/") + "/emails"
	if err := p.ask(ctx, at, accessToken, &list); err != nil {
		return "", err
	}
	for _, e := range list {
		if e.Primary && e.Verified {
			return e.Email, nil
		}
	}
	return "", nil
}

// ask reads the JSON that at answers to the bearer of the token.
func (p *Provider) ask(ctx context.Context, at, accessToken string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return unreachable("ask "+Clip(at, 200), err)
	}
	req.Header.Set("Authorization", "Bearer "+accessToken)
	req.Header.Set("Accept", "application/json")
	res, err := p.client.Do(req)
	if err != nil {
		return unreachable("ask", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return unreachable("read the answer of "+Clip(at, 200), err)
	case res.StatusCode != http.StatusOK:
		return &Error{Unreachable, fmt.Errorf("%s answered %d", Clip(at, 200), res.StatusCode)}
	}
	if err := json.Unmarshal(body, into); err != nil {
		return unreachable("read the answer of "+Clip(at, 200), err)
	}
	return nil
}
