// Package api is a small client of the server's REST interface for the demo
// and the benchmarks. It speaks HTTP only, as a user's script would.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Client talks to one server as one account. Call SignIn first.
type Client struct {
	Base  string // origin and base path: "http://127.0.0.1:3000/v1/api"
	Token string
	http  *http.Client
}

// New returns a client of the server at origin, for example
// "http://127.0.0.1:3000".
func New(origin string) *Client {
	return &Client{Base: strings.TrimSuffix(origin, "/") + "/v1/api", http: &http.Client{Timeout: time.Minute}}
}

// StatusError is an answer with a status of 400 or more.
type StatusError struct {
	Status int
	Text   string // the body's error
}

func (e *StatusError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.Status, e.Text) }

// Do sends one request with in as its JSON body (nil sends none) and reads
// the answer into out (nil ignores it).
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	res, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest {
		return statusError(res)
	}
	if out == nil {
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	return json.NewDecoder(res.Body).Decode(out)
}

func (c *Client) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	return c.http.Do(req)
}

func statusError(res *http.Response) error {
	var b struct{ Error string }
	_ = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&b)
	return &StatusError{Status: res.StatusCode, Text: b.Error}
}
