package egress

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	clusters := Options{AllowLoopback: true, AllowPrivate: true}
	for name, tc := range map[string]struct {
		opts   Options
		ip     string
		reason string // part of the refusal; "" means allowed
	}{
		"public":                    {Options{}, "93.184.216.34", ""},
		"public v6":                 {Options{}, "2606:2800:220:1::1", ""},
		"loopback, closed":          {Options{}, "127.0.0.1", "loopback"},
		"loopback v6, closed":       {Options{}, "::1", "loopback"},
		"unspecified is loopback":   {Options{}, "0.0.0.0", "loopback"},
		"mapped loopback":           {Options{}, "::ffff:127.0.0.1", "loopback"},
		"loopback, open":            {clusters, "127.0.0.1", ""},
		"private, closed":           {Options{}, "10.1.2.3", "private"},
		"carrier grade, closed":     {Options{}, "100.64.0.1", "private"},
		"unique local, closed":      {Options{}, "fd12::1", "private"},
		"private, open":             {clusters, "192.168.1.1", ""},
		"listed range":              {Options{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}, "10.1.2.3", ""},
		"metadata":                  {clusters, "169.254.169.254", "link-local"},
		"metadata, mapped":          {clusters, "::ffff:169.254.169.254", "link-local"},
		"metadata through NAT64":    {clusters, "64:ff9b::a9fe:a9fe", "link-local"},
		"metadata, local NAT64":     {clusters, "64:ff9b:1::a9fe:a9fe", "link-local"},
		"metadata, compatible":      {clusters, "::a9fe:a9fe", "link-local"},
		"metadata through 6to4":     {clusters, "2002:a9fe:a9fe::1", "link-local"},
		"metadata though listed":    {Options{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, "169.254.169.254", "link-local"},
		"link-local v6 with a zone": {clusters, "fe80::1%eth0", "link-local"},
		"AWS metadata v6":           {clusters, "fd00:ec2::254", "metadata"},
		"Alibaba metadata":          {clusters, "100.100.100.200", "metadata"},
		"multicast":                 {clusters, "239.1.1.1", "multicast"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := New(tc.opts).Check(netip.MustParseAddr(tc.ip))
			if tc.reason == "" {
				require.NoError(t, err)
				return
			}
			var refused *RefusedError
			require.ErrorAs(t, err, &refused)
			require.Contains(t, refused.Reason, tc.reason)
		})
	}
}

func TestDialChecksTheResolvedAddress(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	require.NoError(t, err)
	addr := net.JoinHostPort("localhost", port)

	conn, err := New(Options{AllowLoopback: true}).DialContext(t.Context(), "tcp", addr)
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	_, err = New(Options{}).DialContext(t.Context(), "tcp", addr)
	var refused *RefusedError
	require.ErrorAs(t, err, &refused)
}
