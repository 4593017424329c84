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
		"public":                          {Options{}, "93.184.216.34", ""},
		"public v6":                       {Options{}, "2606:2800:220:1::1", ""},
		"loopback, closed":                {Options{}, "127.0.0.1", "loopback"},
		"loopback v6, closed":             {Options{}, "::1", "loopback"},
		"unspecified is loopback":         {Options{}, "0.0.0.0", "loopback"},
		"mapped loopback":                 {Options{}, "::ffff:127.0.0.1", "loopback"},
		"loopback, open":                  {clusters, "127.0.0.1", ""},
		"private, closed":                 {Options{}, "10.1.2.3", "private"},
		"carrier grade, closed":           {Options{}, "100.64.0.1", "private"},
		"unique local, closed":            {Options{}, "fd12::1", "private"},
		"private, open":                   {clusters, "192.168.1.1", ""},
		"listed range":                    {Options{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}, "10.1.2.3", ""},
		"metadata":                        {clusters, "169.254.169.254", "metadata"},
		"metadata, mapped":                {clusters, "::ffff:169.254.169.254", "metadata"},
		"metadata through NAT64":          {clusters, "64:ff9b::a9fe:a9fe", "metadata"},
		"metadata, local NAT64":           {clusters, "64:ff9b:1::a9fe:a9fe", "metadata"},
		"metadata, compatible":            {clusters, "::a9fe:a9fe", "metadata"},
		"metadata through 6to4":           {clusters, "2002:a9fe:a9fe::1", "metadata"},
		"metadata though listed":          {Options{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, "169.254.169.254", "metadata"},
		"link-local v6 with a zone":       {clusters, "fe80::1%eth0", "link-local"},
		"AWS metadata v6":                 {clusters, "fd00:ec2::254", "metadata"},
		"Alibaba metadata":                {clusters, "100.100.100.200", "metadata"},
		"multicast":                       {clusters, "239.1.1.1", "multicast"},
		"public through NAT64":            {Options{}, "64:ff9b::5db8:d822", ""},
		"public, local NAT64":             {Options{}, "64:ff9b:1::5db8:d822", ""},
		"private through NAT64":           {Options{}, "64:ff9b::a01:203", "private"},
		"private, local NAT64 of 48 bits": {Options{}, "64:ff9b:1:a01:2:300::", "private"},
		"another ULA of the cloud":        {clusters, "fd20:ce::253", ""},
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

// Metadata services are refused in every notation, even if all ranges are allowed.
func TestMetadataIsAlwaysRefused(t *testing.T) {
	t.Parallel()
	everything := New(Options{
		AllowLoopback: true, AllowPrivate: true,
		Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
	})
	services := map[string]string{
		"AWS, Azure, GCP and most others": "169.254.169.254",
		"AWS over IPv6":                   "fd00:ec2::254",
		"AWS DNS over IPv6":               "fd00:ec2::253",
		"AWS ECS":                         "169.254.170.2",
		"AWS EKS":                         "169.254.170.23",
		"AWS EKS over IPv6":               "fd00:ec2::23",
		"GCP over IPv6":                   "fd20:ce::254",
		"Azure wire server":               "168.63.129.16",
		"Alibaba":                         "100.100.100.200",
		"Oracle Classic":                  "192.0.0.192",
		"Oracle over IPv6":                "fd00:c1::a9fe:a9fe",
		"Tencent":                         "169.254.0.23",
		"Scaleway":                        "169.254.42.42",
		"Scaleway over IPv6":              "fd00:42::42",
		"Akamai over IPv6":                "fd00:a9fe:a9fe::1",
	}
	for name, text := range services {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for form, ip := range spellings(netip.MustParseAddr(text)) {
				var refused *RefusedError
				require.ErrorAs(t, everything.Check(ip), &refused, "%s: %s", form, ip)
				require.Contains(t, refused.Reason, "metadata", form)
			}
		})
	}
}

// spellings returns ip and, if it is an IPv4 address, the IPv6 addresses that
// lead to it.
func spellings(ip netip.Addr) map[string]netip.Addr {
	all := map[string]netip.Addr{"itself": ip}
	if !ip.Is4() {
		all["with a zone"] = ip.WithZone("eth0")
		return all
	}
	v4 := ip.As4()
	at := func(prefix string, places ...int) netip.Addr {
		b := netip.MustParseAddr(prefix).As16()
		for i, place := range places {
			b[place] = v4[i]
		}
		return netip.AddrFrom16(b)
	}
	for form, embedding := range map[string]netip.Addr{
		"mapped":                  at("::ffff:0:0", 12, 13, 14, 15),
		"compatible":              at("::", 12, 13, 14, 15),
		"translated":              at("::ffff:0:0:0", 12, 13, 14, 15),
		"NAT64":                   at("64:ff9b::", 12, 13, 14, 15),
		"local NAT64":             at("64:ff9b:1:abcd::", 12, 13, 14, 15),
		"local NAT64 of 48 bits":  at("64:ff9b:1::", 6, 7, 9, 10),
		"local NAT64 of 56 bits":  at("64:ff9b:1::", 7, 9, 10, 11),
		"local NAT64 of 64 bits":  at("64:ff9b:1::", 9, 10, 11, 12),
		"local NAT64, and suffix": at("64:ff9b:1::1", 6, 7, 9, 10),
		"6to4":                    at("2002::1", 2, 3, 4, 5),
	} {
		all[form] = embedding
	}
	return all
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
