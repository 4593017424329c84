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

// Options tune a Guard. The zero value allows public addresses only. Link-local,
// multicast and cloud metadata addresses are refused whatever the options say.
type Options struct {
	AllowLoopback bool           // 127.0.0.0/8, ::1 and the unspecified address
	AllowPrivate  bool           // private, unique local and carrier-grade ranges
	Allow         []netip.Prefix // further ranges
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

// DialContext connects to addr ("host:port"). It resolves a name and checks
// each address just before it dials it, so that the address which is checked is
// the one that is used. The error of a refused address wraps a *RefusedError.
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

// Check returns a *RefusedError when the guard does not connect to ip. An IPv6
// address in which an IPv4 address is embedded is judged by that one.
func (g *Guard) Check(ip netip.Addr) error {
	targets := targetsOf(ip.WithZone("").Unmap())
	for _, t := range targets {
		if why := alwaysRefused(t); why != "" {
			return &RefusedError{Addr: t, Reason: why}
		}
	}
	for _, t := range targets {
		if why := g.refused(t); why != "" {
			return &RefusedError{Addr: t, Reason: why}
		}
	}
	return nil
}

// refused returns why the options do not allow ip, or "".
func (g *Guard) refused(ip netip.Addr) string {
	for _, p := range g.opts.Allow {
		if p.Contains(ip) {
			return ""
		}
	}
	switch {
	case !g.opts.AllowLoopback && (ip.IsLoopback() || ip.IsUnspecified()):
		return "it is a loopback address"
	case !g.opts.AllowPrivate && (ip.IsPrivate() || isCarrierGrade(ip)):
		return "it is a private address"
	}
	return ""
}

// isCarrierGrade reports whether ip is in 100.64.0.0/10.
func isCarrierGrade(ip netip.Addr) bool {
	return ip.Is4() && ip.As4()[0] == 100 && ip.As4()[1]&0xc0 == 64
}

// targetsOf returns the IPv4 addresses that ip leads to by translation or by a
// 6to4 tunnel, or ip itself. There are several when it depends on the
// translator where in ip the IPv4 address stands.
func targetsOf(ip netip.Addr) []netip.Addr {
	if !ip.Is6() {
		return []netip.Addr{ip}
	}
	b := ip.As16()
	startsWith := func(prefix ...byte) bool {
		return bytes.HasPrefix(b[:], append(prefix, make([]byte, 12-len(prefix))...))
	}
	last := netip.AddrFrom4([4]byte(b[12:]))
	switch {
	case startsWith(0, 0x64, 0xff, 0x9b), // 64:ff9b::/96, NAT64
		startsWith(0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff),          // ::ffff:0:0:0/96, stateless translation
		startsWith() && !ip.IsLoopback() && !ip.IsUnspecified(): // ::/96, IPv4-compatible
		return []netip.Addr{last}
	case bytes.HasPrefix(b[:], []byte{0, 0x64, 0xff, 0x9b, 0, 1}): // 64:ff9b:1::/48, local NAT64
		return append(localNAT64(b), last)
	case bytes.HasPrefix(b[:], []byte{0x20, 0x02}): // 2002::/16, 6to4
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	}
	return []netip.Addr{ip}
}

// localNAT64 returns the addresses at the places that RFC 6052 has for prefixes
// of 48, 56 and 64 bits. It leaves out 0.0.0.0: the place then holds nothing.
func localNAT64(b [16]byte) []netip.Addr {
	var all []netip.Addr
	for _, at := range [][4]byte{{b[6], b[7], b[9], b[10]}, {b[7], b[9], b[10], b[11]}, {b[9], b[10], b[11], b[12]}} {
		if at != [4]byte{} {
			all = append(all, netip.AddrFrom4(at))
		}
	}
	return all
}
