package validator

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRules(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	for name, tc := range map[string]struct {
		rule      func(string) string
		good, bad []string
	}{
		"Label":            {Label, []string{"a", "web-1", "1st", long[1:]}, []string{"", "-a", "a-", "A", "a.b", "a_b", long, "a\n"}},
		"Subdomain":        {Subdomain, []string{"a", "a.b-c.d"}, []string{"", "a..b", ".a", "A", strings.Repeat("a.", 127)}},
		"Host":             {Host, []string{"example.com", "*.example.com"}, []string{"", "*", "a.*.b", "10.0.0.1", "010.0.0.1", "::1", "http://a"}},
		"CertificateHost":  {CertificateHost, []string{"example.com", "*.example.com", "10.0.0.1"}, []string{"", "*", "::1"}},
		"QualifiedName":    {QualifiedName, []string{"a", "A_b.c", "example.com/a"}, []string{"", "/a", "a/", "a/b/c", "a b", "Ex.com/a"}},
		"LabelValue":       {LabelValue, []string{"", "a", "A.b_c-d"}, []string{"-a", "a b", long, "a\n"}},
		"PortName":         {PortName, []string{"http", "a1"}, []string{"", "80", "a--b", "-a", "Http", strings.Repeat("a", 16)}},
		"DataKey":          {DataKey, []string{"a", "A_b.c-d", ".env"}, []string{"", ".", "..", "..a", "a b", "a/b"}},
		"EnvName":          {EnvName, []string{"A", "a.b", "1"}, []string{"", "a=b", "a\x00"}},
		"Quantity":         {Quantity, []string{"0", "500m", "1.5", "256Mi", "1e3"}, []string{"", "-1", "1e999999999999999", "1E-100", "1e+000100", "1 Gi", "10GB", "0x10", "many", strings.Repeat("1", 2000)}},
		"PositiveQuantity": {PositiveQuantity, []string{"1m", "10Gi"}, []string{"0", "0Gi", "-1", "x"}},
		"Percentage":       {Percentage, []string{"0%", "25%", "100%", "150%"}, []string{"", "%", "25", "-1%", "+1%", " 1%", "2.5%", "a%", strings.Repeat("1", 2000) + "%"}},
		"Image":            {Image, []string{"nginx", "nginx:1.27", "ghcr.io/a/b:c", "localhost:5000/a@sha256:" + strings.Repeat("0", 64)}, []string{"", "Nginx", "a b", "a:", ":a", "a@sha256:0", strings.Repeat("a", 2000), "nginx\n---"}},
		"Schedule":         {Schedule, []string{"0 * * * *", "*/5 1-3 * JAN MON", "@hourly", "@every 1h"}, []string{"", "* * * *", "* * * * * *", "60 * * * *", "TZ=UTC 0 * * * *", "CRON_TZ=UTC 0 * * * *", "TZ=", "@sometimes", strings.Repeat("*", 2000)}},
		"CIDR":             {CIDR, []string{"10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32"}, []string{"", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "010.0.0.0/8", "::ffff:10.0.0.0/104"}},
		"IP":               {IP, []string{"10.0.0.1", "::1"}, []string{"", "10.0.0", "10.0.0.01", "host"}},
		"SecretType":       {SecretType, []string{"Opaque", "kubernetes.io/tls", "example.com/own"}, []string{"", "a b", "kubernetes.io/service-account-token"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, s := range tc.good {
				require.Empty(t, tc.rule(s), "%q", s)
			}
			for _, s := range tc.bad {
				msg := tc.rule(s)
				require.NotEmpty(t, msg, "%q", s)
				require.Less(t, len(msg), 500, "a message must not repeat a huge value")
			}
		})
	}
}

func TestIngressPath(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"Prefix", "Exact"} {
		for _, good := range []string{"/", "/a", "/a/", "/a.b/..c"} {
			require.Empty(t, IngressPath(good, typ), good)
		}
		for _, bad := range []string{"", "a", "//", "/a//b", "/./a", "/a/../b", "/a/..", "/a/.", "/a%2fb", "/a%2Fb"} {
			require.NotEmpty(t, IngressPath(bad, typ), bad)
		}
	}
	require.Empty(t, IngressPath("/a//(.*)", "ImplementationSpecific"))
	require.NotEmpty(t, IngressPath("a", "ImplementationSpecific"))
}

func TestWithin(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		inner, outer string
		ok           bool
	}{
		{"10.1.0.0/16", "10.0.0.0/8", true},
		{"0.0.0.0/1", "0.0.0.0/0", true},
		{"2001:db8:1::/48", "2001:db8::/32", true},
		{"10.0.0.0/8", "10.0.0.0/8", false},
		{"10.0.0.0/8", "10.1.0.0/16", false},
		{"11.0.0.0/16", "10.0.0.0/8", false},
		{"10.0.0.0/16", "2001:db8::/32", false},
		{"x", "10.0.0.0/8", false},
		{"10.0.0.0/8", "x", false},
	} {
		require.Equal(t, tc.ok, Within(tc.inner, tc.outer) == "", "%s in %s", tc.inner, tc.outer)
	}
}

func TestLabelsAndAnnotations(t *testing.T) {
	t.Parallel()
	require.Empty(t, Labels(map[string]string{"a": "b", "example.com/c": ""}))
	require.Equal(t, Labels(map[string]string{"b c": "x", "a": "d e"}), Labels(map[string]string{"a": "d e", "b c": "x"}))
	require.Contains(t, Labels(map[string]string{"b c": "x", "a": "d e"}), `key "b c"`)
	require.Contains(t, Labels(map[string]string{"a": "d e"}), `value of "a"`)
	require.Empty(t, Annotations(map[string]string{"Example.com/A": "any\x01 text"}))
	require.NotEmpty(t, Annotations(map[string]string{"a b": ""}))
	require.NotEmpty(t, Annotations(map[string]string{"a": strings.Repeat("x", 256<<10)}))
}

func TestSecretKeys(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"tls.crt", "tls.key"}, SecretKeys("kubernetes.io/tls"))
	require.Equal(t, []string{".dockerconfigjson"}, SecretKeys("kubernetes.io/dockerconfigjson"))
	require.Equal(t, []string{".dockercfg"}, SecretKeys("kubernetes.io/dockercfg"))
	require.Equal(t, []string{"ssh-privatekey"}, SecretKeys("kubernetes.io/ssh-auth"))
	require.Empty(t, SecretKeys("Opaque"))
}

// FuzzRules: no text makes a rule panic, and what they let through is short
// and free of line breaks.
func FuzzRules(f *testing.F) {
	for _, s := range []string{"a", "TZ=", "@every -1s", "1e999999999", "a:b@sha256:", "*/0 * * * *", "::/0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, rule := range []func(string) string{
			Label, Subdomain, Host, CertificateHost, QualifiedName, LabelValue, PortName, DataKey,
			Quantity, PositiveQuantity, Image, CIDR, IP, SecretType,
		} {
			if rule(s) == "" {
				require.LessOrEqual(t, len(s), maxText)
				require.NotContains(t, s, "\n")
			}
		}
		Schedule(s)
		Within(s, s)
		IngressPath(s, "Prefix")
	})
}
