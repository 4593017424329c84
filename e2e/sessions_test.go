package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// streamNew opens the status stream of a new workflow.
func (p *person) streamNew(t *testing.T) *stream {
	t.Helper()
	return p.streamStatus(t, p.createWorkflow(t))
}

// atOnce is far less than what finds an ended session by looking takes, and
// more than a machine at its limit does.
const atOnce = 4 * time.Second

// requireSignedOut requires that nothing is left of a session: its token is
// worth nothing, and its stream has ended in good order.
func (p *person) requireSignedOut(t *testing.T, s *stream) {
	t.Helper()
	p.ask(t, http.StatusUnauthorized, "GET", "/profile", nil)
	p.ask(t, http.StatusUnauthorized, "POST", "/auth/ws-ticket", nil)
	select {
	case <-s.done:
	case <-time.After(atOnce):
		t.Fatal("the stream goes on")
	}
	names := s.names()
	require.Equal(t, "complete", names[len(names)-1])
}

// sessions returns the ids of the sessions by device, and the current one.
func (p *person) sessions(t *testing.T) (byDevice map[string]string, current string) {
	t.Helper()
	byDevice = map[string]string{}
	list, _ := p.ask(t, http.StatusOK, "GET", "/profile/sessions", nil)["sessions"].([]any)
	for _, one := range list {
		one := one.(object)
		require.Equal(t, "password", one["method"])
		require.Equal(t, "127.0.0.1", one["address"])
		require.NotContains(t, fmt.Sprint(one), p.token)
		device, _ := one["userAgent"].(string)
		byDevice[device], _ = one["id"].(string)
		if one["current"] == true {
			current = device
		}
	}
	return byDevice, current
}

func TestSessionsOverHTTP(t *testing.T) {
	t.Parallel()
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	desk, phone := bob.signIn(t, bob.email, "secret1", "desk"), bob.signIn(t, bob.email, "secret1", "phone")
	byDevice, current := desk.sessions(t)
	require.Len(t, byDevice, 3, "with that of the sign-up")
	require.Equal(t, "desk", current)

	onDesk, onPhone := desk.streamNew(t), phone.streamNew(t)
	ann.ask(t, http.StatusNotFound, "DELETE", "/profile/sessions/"+byDevice["phone"], nil)
	desk.ask(t, http.StatusNotFound, "DELETE", "/profile/sessions/unknown", nil)
	desk.ask(t, http.StatusOK, "DELETE", "/profile/sessions/"+byDevice["phone"], nil)
	phone.requireSignedOut(t, onPhone)
	phone.ask(t, http.StatusUnauthorized, "POST", "/auth/refresh", nil)
	phone.ask(t, http.StatusUnauthorized, "POST", "/auth/logout", nil)

	tablet := bob.signIn(t, bob.email, "secret1", "tablet")
	onTablet := tablet.streamNew(t)
	desk.ask(t, http.StatusOK, "DELETE", "/profile/sessions", nil)
	tablet.requireSignedOut(t, onTablet)
	byDevice, _ = desk.sessions(t)
	require.Len(t, byDevice, 1)
	require.NotEqual(t, "complete", onDesk.names()[len(onDesk.names())-1])
	desk.ask(t, http.StatusOK, "POST", "/auth/logout", nil)
	desk.requireSignedOut(t, onDesk)
}

// Each stream has a goroutine that has left its request behind. None stays.
func TestManyStreamsEndTogether(t *testing.T) {
	t.Parallel()
	bob := start(t).bob()
	before := bob.goroutines(t)
	first := bob.streamNew(t)
	list, _ := bob.ask(t, http.StatusOK, "GET", "/workflows", nil)["workflows"].([]any)
	streams := []*stream{first}
	for range 99 {
		streams = append(streams, bob.streamStatus(t, list[0].(object)["id"].(string)))
	}
	began := time.Now()
	bob.ask(t, http.StatusOK, "POST", "/auth/logout", nil)
	for _, s := range streams {
		<-s.done
	}
	require.Less(t, time.Since(began), atOnce)
	t.Logf("%d streams ended after %v", len(streams), time.Since(began))
	kubetest.Eventually(t, "the end of their goroutines", func(context.Context) error {
		if now := bob.goroutines(t); now > before+len(streams)/10 {
			return fmt.Errorf("there were %d and are %d", before, now)
		}
		return nil
	})
}

func TestPasswordChangeOverHTTP(t *testing.T) {
	t.Parallel()
	bob := newPerson(t, "bob")
	desk, phone := bob.signIn(t, bob.email, "secret1", "desk"), bob.signIn(t, bob.email, "secret1", "phone")
	onPhone := phone.streamNew(t)
	desk.ask(t, http.StatusOK, "PUT", "/profile/password", object{"currentPassword": "secret1", "newPassword": "secret2"})
	phone.requireSignedOut(t, onPhone)
	desk.ask(t, http.StatusOK, "GET", "/profile", nil)
	desk.ask(t, http.StatusOK, "POST", "/auth/refresh", nil)
	all, _ := desk.sessions(t)
	require.Len(t, all, 1)
}

func TestLostRightsOverHTTP(t *testing.T) {
	t.Parallel()
	r := start(t)
	ann := r.ann()
	ann.ask(t, http.StatusOK, "PUT", "/settings/regenerate-setting", `{"regenerateAfterSignup":false}`)
	code := ann.inviteCode(t)
	for name, tc := range map[string]struct {
		method, path string
		body         any
		login        int // what the next login gets
		refresh      int // what the old token gets for a new one
	}{
		"demotion": {"PUT", "/role", `{"role":"user"}`, http.StatusOK, http.StatusUnauthorized},
		"disabled": {"POST", "/disable", nil, http.StatusForbidden, http.StatusUnauthorized},
		"deletion": {"DELETE", "?owned=delete", nil, http.StatusUnauthorized, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			email := name + "@example.org"
			carl := r.signUp(t, email, code)
			page := ann.ask(t, http.StatusOK, "GET", "/admin/users?search="+email, nil)
			user, _ := page["users"].([]any)[0].(object)
			path := "/admin/users/" + user["id"].(string)
			carl.ask(t, http.StatusForbidden, "GET", "/admin/users", nil)
			ann.ask(t, http.StatusOK, "PUT", path+"/role", `{"role":"admin"}`)
			carl.ask(t, http.StatusOK, "GET", "/admin/users", nil)
			stream := carl.streamNew(t)
			owned, _ := ann.ask(t, http.StatusOK, "GET", path+"/owned", nil)["workflows"].(object)
			require.EqualValues(t, 1, owned["count"])
			if name == "deletion" {
				refused := ann.ask(t, http.StatusConflict, "DELETE", path, nil)
				require.Contains(t, fmt.Sprint(refused["details"]), t.Name())
			}
			ann.ask(t, http.StatusOK, tc.method, path+tc.path, tc.body)
			carl.requireSignedOut(t, stream)
			carl.ask(t, tc.refresh, "POST", "/auth/refresh", nil)
			login := r.call(t, "POST", api+"/auth/login", "", encoded(t, object{"email": email, "password": "secret1"}))
			require.Equal(t, tc.login, login.StatusCode, login.text)
		})
	}
	me, _ := ann.ask(t, http.StatusOK, "GET", "/profile", nil)["user"].(object)
	for _, last := range []func(){
		func() {
			ann.ask(t, http.StatusConflict, "PUT", "/admin/users/"+me["id"].(string)+"/role", `{"role":"user"}`)
		},
		func() { ann.ask(t, http.StatusConflict, "POST", "/admin/users/"+me["id"].(string)+"/disable", nil) },
		func() { ann.ask(t, http.StatusConflict, "DELETE", "/admin/users/"+me["id"].(string), nil) },
	} {
		last()
	}
	ann.ask(t, http.StatusOK, "GET", "/admin/users", nil)
}

// TestHostileTokens spoils Ann's token in every way, some with the server's
// own key.
func TestHostileTokens(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	r := startIn(t, dir)
	ann := r.ann()
	ann.ask(t, http.StatusOK, "GET", "/profile", nil)
	secret, err := os.ReadFile(filepath.Join(dir, "jwt.secret"))
	require.NoError(t, err)
	key, now := []byte(strings.Fields(string(secret))[0]), time.Now()
	parts := strings.Split(ann.token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	claims := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{}
		require.NoError(t, json.Unmarshal(payload, &c))
		if change != nil {
			change(c)
		}
		return c
	}
	sign := func(m jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
		token, err := jwt.NewWithClaims(m, claims(change)).SignedString(key)
		require.NoError(t, err)
		return token
	}
	promoted, err := json.Marshal(claims(func(c jwt.MapClaims) { c["role"] = "owner" }))
	require.NoError(t, err)
	good := sign(jwt.SigningMethodHS256, key, nil)
	require.Equal(t, http.StatusOK, r.call(t, "GET", api+"/profile", good, "").StatusCode, "the form that the cases below spoil")
	gone := r.signIn(t, "bob@example.org", "secret1", "phone")
	gone.ask(t, http.StatusOK, "POST", "/auth/logout", nil)

	secrets := []string{"....", parts[2]} // and what else belongs in no log
	for name, token := range map[string]string{
		"no algorithm":       sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"HS512":              sign(jwt.SigningMethodHS512, key, nil),
		"claims to be RS256": base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + parts[1] + "." + parts[2],
		"another key":        sign(jwt.SigningMethodHS256, []byte("another key of thirty-two bytes.."), nil),
		"no end":             sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { delete(c, "exp") }),
		"of tomorrow":        sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["iat"] = now.Add(24 * time.Hour).Unix() }),
		"an altered role":    parts[0] + "." + base64.RawURLEncoding.EncodeToString(promoted) + "." + parts[2],
		"no signature":       parts[0] + "." + parts[1] + ".",
		"a revoked session":  gone.token,
		"an unknown session": sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["sid"] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" }),
		"an operator":        sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["sid"] = map[string]any{"$gt": ""} }),
		"somebody else's":    sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["user_id"] = "6b039423a42596db994ba550" }),
		"20 KB":              strings.Repeat(".", 20_000),
		"8,000 dots":         strings.Repeat(".", 8_000),
		"20 KB of one":       parts[0] + "." + strings.Repeat("e", 20_000) + "." + parts[2],
	} {
		for _, ask := range []struct{ method, path string }{{"GET", "/profile"}, {"POST", "/auth/refresh"}, {"POST", "/auth/logout"}} {
			res := r.call(t, ask.method, api+ask.path, token, "")
			want := http.StatusUnauthorized
			if name == "somebody else's" && ask.method == "POST" {
				want = http.StatusNotFound // the account is gone
			}
			require.Equal(t, want, res.StatusCode, "%s: %s", name, ask.path)
			require.NotEmpty(t, res.json(t)["error"])
		}
		for part := range strings.SplitSeq(token, ".") {
			if len(part) > 20 {
				secrets = append(secrets, part[:20])
			}
		}
	}
	// In the query it is nobody's business, and in no log.
	for _, query := range []string{"?token=" + good, "?ticket=" + good} {
		require.Equal(t, http.StatusUnauthorized, r.call(t, "GET", api+"/profile"+query, "", "").StatusCode)
	}
	ticket, _ := ann.ask(t, http.StatusOK, "POST", "/auth/ws-ticket", nil)["ticket"].(string)
	require.NotEmpty(t, ticket)
	require.Equal(t, http.StatusUnauthorized, r.call(t, "GET", api+"/profile?ticket="+ticket, "", "").StatusCode)
	log := r.stoppedLog(t)
	for _, secret := range append(secrets, ticket) {
		require.NotContains(t, log, secret)
	}
}
