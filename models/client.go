package models

import (
	"context"
	"net/netip"
)

// Client is where a request comes from.
type Client struct {
	Address   string // IP; behind a trusted proxy that of the proxy's client
	UserAgent string // as claimed, cut to a sane length
}

// Network returns what one client has of the address space: an IPv4 address, or
// the /64 of an IPv6 one, within which a client takes any address it likes.
// What is no address is returned as it is.
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
