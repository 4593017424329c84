package account

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestTokensRefused(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	s, err := h.auth.Register(t.Context(), registration(0))
	require.NoError(t, err)
	id, err := h.sessions.Authenticate(t.Context(), s.Token)
	require.NoError(t, err)
	now := time.Now()
	good := func() jwt.MapClaims {
		return jwt.MapClaims{
			"user_id": s.User.ID, "role": "admin", "sid": id.SessionID, "iss": "kubeorch", "auth_time": now.Unix(),
			"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		}
	}
	sign := func(m jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
		c := good()
		if change != nil {
			change(c)
		}
		token, err := jwt.NewWithClaims(m, c).SignedString(key)
		require.NoError(t, err)
		return token
	}
	key := []byte(testSecret)
	_, err = h.sessions.Authenticate(t.Context(), sign(jwt.SigningMethodHS256, key, nil))
	require.NoError(t, err, "the form that the cases below spoil")

	for name, token := range map[string]string{
		"empty":             "",
		"no token":          "abc",
		"no algorithm":      sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"another algorithm": sign(jwt.SigningMethodHS512, key, nil),
		"another secret":    sign(jwt.SigningMethodHS256, []byte("another secret of the same length, say"), nil),
		"another issuer":    sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["iss"] = "other" }),
		"no end":            sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { delete(c, "exp") }),
		"no session":        sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { delete(c, "sid") }),
		"no login time":     sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { delete(c, "auth_time") }),
		"of tomorrow":       sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["iat"] = now.Add(24 * time.Hour).Unix() }),
		"not yet":           sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["nbf"] = now.Add(time.Hour).Unix() }),
		"another session":   sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["sid"] = "s" }),
		"nobody's":          sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["user_id"] = models.NewID() }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := h.sessions.Authenticate(t.Context(), token)
			require.Equal(t, models.Unauthenticated, models.KindOf(err))
			if name != "nobody's" && name != "not yet" {
				_, err = h.refresh(t, token)
				require.Equal(t, models.Unauthenticated, models.KindOf(err), "refresh")
			}
		})
	}
	expired := sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) {
		c["iat"], c["nbf"], c["exp"] = now.Add(-2*time.Hour).Unix(), now.Add(-2*time.Hour).Unix(), now.Add(-time.Hour).Unix()
	})
	_, err = h.sessions.Authenticate(t.Context(), expired)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
	_, err = h.refresh(t, expired)
	require.NoError(t, err)
}

// refresh does what the middleware and the handler of the route do.
func (h *house) refresh(t *testing.T, token string) (models.Session, error) {
	t.Helper()
	id, err := h.sessions.AuthenticateExpired(t.Context(), token)
	if err != nil {
		return models.Session{}, err
	}
	return h.auth.Refresh(t.Context(), id)
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	s, err := h.auth.Register(t.Context(), registration(0))
	require.NoError(t, err)
	first, err := h.sessions.Authenticate(t.Context(), s.Token)
	require.NoError(t, err)

	h.pass(3 * 24 * time.Hour)
	_, err = h.sessions.Authenticate(t.Context(), s.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err), "expired")
	fresh, err := h.refresh(t, s.Token)
	require.NoError(t, err)
	require.Equal(t, s.User, fresh.User)
	again, err := h.sessions.Authenticate(t.Context(), fresh.Token)
	require.NoError(t, err)
	require.Equal(t, first.SessionID, again.SessionID, "the session goes on")

	// The age counts from the login, so that refreshing cannot go on for ever.
	h.pass(5 * 24 * time.Hour)
	_, err = h.refresh(t, fresh.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
}
