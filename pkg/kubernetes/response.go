package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// checkResponse refuses responses that no API server gives. It refuses redirects
// because they would carry the credentials to another server.
func checkResponse(resp *http.Response, stream bool) error {
	say := func(r Reason, format string, args ...any) error {
		return &Error{Reason: r, Message: fmt.Sprintf(format, args...)}
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return say(NotKubernetes, "the server redirects elsewhere (%d): this is not the address of a Kubernetes API server", resp.StatusCode)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "text/html" || stream {
		return nil
	}
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return say(Busy, "a proxy in front of the cluster answered %d: the API server is not available", resp.StatusCode)
	case http.StatusUnauthorized:
		return say(Unauthorized, "the server does not accept the credentials")
	}
	return say(NotKubernetes, "the server answers with a web page: this is not the address of a Kubernetes API server")
}

// responseBody is a body of limited size. Closing it ends its request.
type responseBody struct {
	io.ReadCloser

	ctx       context.Context //nolint:containedctx // of the one request the body belongs to
	remaining int64           // bytes that may still be read
	unlimited bool
	end       func()
}

// Read fails with TooLarge beyond the limit.
func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && b.ctx.Err() != nil {
		// The body ended because its request did, perhaps half-way.
		err = causeOf(b.ctx, b.ctx.Err())
	}
	if b.unlimited {
		return n, err
	}
	if b.remaining -= int64(n); b.remaining < 0 {
		return 0, &Error{Reason: TooLarge, Message: "the cluster's answer is larger than this server reads"}
	}
	return n, err
}

// Write writes to an upgraded connection.
func (b *responseBody) Write(p []byte) (int, error) {
	w, ok := b.ReadCloser.(io.Writer)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return w.Write(p)
}

// Close ends the request.
func (b *responseBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
