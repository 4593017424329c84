package middleware

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// fakeBuckets refuses unknown keys with wait.
type fakeBuckets struct {
	known map[string]bool
	wait  time.Duration
}

func (f fakeBuckets) Take(key string) (time.Duration, bool) { return f.wait, f.known[key] }

// request is a gin context of a request from address, made by userID.
func request(t testing.TB, address, userID string) *gin.Context {
	t.Helper()
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	ctx := models.WithClient(t.Context(), models.Client{Address: address})
	ctx = models.WithIdentity(ctx, models.Identity{UserID: userID})
	c.Request = httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
	return c
}

func TestRates(t *testing.T) {
	t.Parallel()
	b := fakeBuckets{known: map[string]bool{"192.0.2.1": true, "2001:db8:1:2::/64": true, "u1": true}, wait: time.Millisecond}
	for name, tc := range map[string]struct {
		account       bool
		address, user string
		refused       bool
	}{
		"a client":                {address: "192.0.2.1"},
		"another client":          {address: "192.0.2.2", user: "u1", refused: true},
		"a network of IPv6":       {address: "2001:db8:1:2:3::4"},
		"another network of IPv6": {address: "2001:db8:1:3::4", refused: true},
		"an account":              {account: true, address: "192.0.2.2", user: "u1"},
		"another account":         {account: true, address: "192.0.2.1", user: "u2", refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got *models.Error
			fail := func(_ *gin.Context, err error) { require.ErrorAs(t, err, &got) }
			limit := RatePerClient(b, nil, fail)
			if tc.account {
				limit = RatePerAccount(b, fail)
			}
			limit(request(t, tc.address, tc.user))
			require.Equal(t, tc.refused, got != nil)
			if got != nil {
				require.Equal(t, models.TooMany, got.Kind)
				require.Equal(t, time.Second, got.RetryAfter, "whole seconds, at least one")
			}
		})
	}
}

func BenchmarkRatePerClient(b *testing.B) {
	limit := RatePerClient(fakeBuckets{known: map[string]bool{"192.0.2.1": true}}, nil, nil)
	c := request(b, "192.0.2.1", "")
	b.ReportAllocs()
	for b.Loop() {
		limit(c)
	}
}

func BenchmarkRatePerClientIPv6(b *testing.B) {
	limit := RatePerClient(fakeBuckets{known: map[string]bool{"2001:db8:1:2::/64": true}}, nil, nil)
	c := request(b, "2001:db8:1:2:3::4", "")
	b.ReportAllocs()
	for b.Loop() {
		limit(c)
	}
}
