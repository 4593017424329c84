package models

import "context"

// Client is where a request comes from.
type Client struct {
	Address   string // IP; behind a trusted proxy that of the proxy's client
	UserAgent string // as claimed, cut to a sane length
}

type clientKey struct{}

// WithClient returns a context that carries where its request comes from.
func WithClient(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

// ClientFrom returns the client that WithClient put into ctx; it is zero for
// work that no request asked for.
func ClientFrom(ctx context.Context) Client {
	c, _ := ctx.Value(clientKey{}).(Client)
	return c
}
