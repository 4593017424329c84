package models

import (
	"context"
	"net/netip"
)

// Client is the origin of a request.
type Client struct {
	Address   string // IP; behind a trusted proxy that of the proxy's client
	UserAgent string // the start of the header
}

// Network returns the network of one client: an IPv4 address, or the /64 of an
// IPv6 address, from which a client usually has all addresses. An Address that
// is no IP address is returned unchanged.
func (c Client) Network() string {
	a, err := netip.ParseAddr(c.Address)
	if err != nil || a.Is4() {
		return c.Address
	}
	if a.Is4In6() {
		return a.Unmap().String()
	}
	return netip.PrefixFrom(a.WithZone(""), 64).Masked().String()
}

type clientKey struct{}

// WithClient returns a context that carries the origin of its request.
func WithClient(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

// ClientFrom returns the client that WithClient put into ctx; it is zero in
// background work.
func ClientFrom(ctx context.Context) Client {
	c, _ := ctx.Value(clientKey{}).(Client)
	return c
}
