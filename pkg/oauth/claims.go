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

// Mapping names the claims of a provider that has its own, as paths such as
// "user.mail" or "emails.0". Empty ones stand for the claims named here.
type Mapping struct {
	Subject       string // "sub", else "id"; for plain OAuth2 only
	Email         string // "email"
	EmailVerified string // "email_verified", if Email is "email"
	Name          string // "name"
}

// claims are the claims about a person. Numbers keep their digits.
type claims map[string]any

// UnmarshalJSON reads an object.
func (c *claims) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	return dec.Decode((*map[string]any)(c))
}

// text returns the first text or number at one of the paths. If the first path is
// not empty, only that one counts.
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

// verification reads a boolean, which some providers send as text.
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

// at returns the value at path, or nil. A claim whose name itself has dots, such as
// a URL, is found by that name.
func (c claims) at(path string) any {
	if v, ok := c[path]; ok || path == "" {
		return v
	}
	var value any = map[string]any(c)
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

func (p *Provider) userInfo(ctx context.Context, at, accessToken string) (c claims, err error) {
	return c, p.getJSON(ctx, at, accessToken, &c)
}

// gitHubEmail returns the person's primary address if it is verified, and else "".
func (p *Provider) gitHubEmail(ctx context.Context, accessToken string) (string, error) {
	var list []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified bool   `json:"verified"`
	}
	at := strings.TrimSuffix(p.cfg.UserInfoURL, "/") + "/emails"
	if err := p.getJSON(ctx, at, accessToken, &list); err != nil {
		return "", err
	}
	for _, e := range list {
		if e.Primary && e.Verified {
			return e.Email, nil
		}
	}
	return "", nil
}

// getJSON reads the JSON at a URL with an access token.
func (p *Provider) getJSON(ctx context.Context, at, accessToken string, into any) error {
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
