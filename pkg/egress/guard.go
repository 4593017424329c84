// Package egress decides which network addresses the server may connect to on
// behalf of its users.
package egress

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// RefusedError reports an address that a Guard does not connect to.
type RefusedError struct {
	Addr   netip.Addr
	Reason string
}

// Error names the address and the rule.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("connections to %s are not allowed: %s", e.Addr, e.Reason)
}

// Options tune a Guard. The zero value allows public addresses only.
type Options struct {
	AllowLoopback bool           // 127.0.0.0/8, ::1 and the unspecified address
	AllowPrivate  bool           // private, unique local and carrier-grade ranges
	Allow         []netip.Prefix // further ranges, unless they are always refused
	DialTimeout   time.Duration  // for one connection; 0 means 5 s
	Resolver      *net.Resolver  // of names; nil means the system's
}

// Guard dials addresses after checking them. It is safe for concurrent use.
type Guard struct {
	opts   Options
	dialer net.Dialer
}

const defaultDialTimeout = 5 * time.Second

// New returns a guard.
func New(o Options) *Guard {
	if o.DialTimeout == 0 {
		o.DialTimeout = defaultDialTimeout
	}
	g := &Guard{opts: o}
	g.dialer = net.Dialer{Timeout: o.DialTimeout, KeepAlive: 30 * time.Second, Control: g.control, Resolver: o.Resolver}
	return g
}

// DialContext connects to addr ("host:port"). Names are resolved first and
// each address is checked just before it is dialled, so a name that resolves
// differently the second time gains nothing. A refused address comes back as
// a *RefusedError within the error's chain.
func (g *Guard) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return g.dialer.DialContext(ctx, network, addr)
}

func (g *Guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("egress: unexpected address %q: %w", address, err)
	}
	return g.Check(at.Addr())
}

// Check returns a *RefusedError when the guard does not connect to ip.
func (g *Guard) Check(ip netip.Addr) error {
	ip = embedded(ip.WithZone("").Unmap())
	if why := alwaysRefused(ip); why != "" {
		return &RefusedError{Addr: ip, Reason: why}
	}
	for _, p := range g.opts.Allow {
		if p.Contains(ip) {
			return nil
		}
	}
	switch {
	case ip.IsLoopback(), ip.IsUnspecified():
		if !g.opts.AllowLoopback {
			return &RefusedError{Addr: ip, Reason: "it is a loopback address"}
		}
	case ip.IsPrivate(), carrierGrade(ip):
		if !g.opts.AllowPrivate {
			return &RefusedError{Addr: ip, Reason: "it is a private address"}
		}
	}
	return nil
}

func alwaysRefused(ip netip.Addr) string {
	switch {
	case ip.IsLinkLocalUnicast(), ip.IsLinkLocalMulticast():
		return "it is a link-local address"
	case ip.IsMulticast():
		return "it is a multicast address"
	case isMetadata(ip):
		return "it is a cloud metadata address"
	}
	return ""
}

// isMetadata knows the metadata services outside the link-local range: AWS
// over IPv6, Alibaba, Azure, Oracle.
func isMetadata(ip netip.Addr) bool {
	switch ip.String() {
	case "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192":
		return true
	}
	return false
}

// carrierGrade knows 100.64.0.0/10.
func carrierGrade(ip netip.Addr) bool {
	return ip.Is4() && ip.As4()[0] == 100 && ip.As4()[1]&0xc0 == 64
}

// embedded returns the IPv4 address that a NAT64, 6to4 or IPv4-compatible
// address leads to, so that the rules for IPv4 cannot be walked around, and any
// other address as it is.
func embedded(ip netip.Addr) netip.Addr {
	b := ip.As16()
	switch {
	case bytes.HasPrefix(b[:], []byte{0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}): // 64:ff9b::/96
		return netip.AddrFrom4([4]byte(b[12:]))
	case bytes.HasPrefix(b[:], []byte{0, 0x64, 0xff, 0x9b, 0, 1}): // 64:ff9b:1::/48
		return netip.AddrFrom4([4]byte(b[12:]))
	case ip.Is6() && bytes.HasPrefix(b[:], make([]byte, 12)) && !ip.IsLoopback() && !ip.IsUnspecified(): // ::/96
		return netip.AddrFrom4([4]byte(b[12:]))
	case bytes.HasPrefix(b[:], []byte{0x20, 0x02}): // 2002::/16
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return ip
}
