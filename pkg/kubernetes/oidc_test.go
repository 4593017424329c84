package kubernetes

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// vault stores one refresh token for several processes.
type vault struct {
	mu     sync.Mutex
	token  string
	broken bool
	stores int
	locked chan struct{} // holds one place; nil: nothing is locked
}

func (v *vault) Lock(ctx context.Context) (func(), error) {
	v.mu.Lock()
	locked, broken := v.locked, v.broken
	v.mu.Unlock()
	switch {
	case locked == nil:
		return func() {}, nil
	case broken:
		return nil, errors.New("the database is away")
	}
	select {
	case locked <- struct{}{}:
		return func() { <-locked }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (v *vault) Current(context.Context) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.token, nil
}

func (v *vault) Replace(_ context.Context, old, fresh string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.broken {
		return errors.New("the database is away")
	}
	if v.token == old {
		v.token = fresh
		v.stores++
	}
	return nil
}

func (v *vault) setBroken(broken bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.broken = broken
}

// bearerOnly is an API server that accepts any token but the one it is to refuse.
type bearerOnly struct {
	*httptest.Server
	refused atomic.Value // one token
	seen    sync.Map     // tokens
}

func newBearerOnly(t *testing.T) *bearerOnly {
	t.Helper()
	b := &bearerOnly{}
	b.refused.Store("")
	b.Server = quiet(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || token == b.refused.Load() {
			status(http.StatusUnauthorized, "Unauthorized", "no")(w, r)
			return
		}
		b.seen.Store(token, true)
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/selfsubjectreviews") {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","status":{"userInfo":{"username":"ann"}}}`)
			return
		}
		_, _ = io.WriteString(w, `{"gitVersion":"v1.99.0"}`)
	})
	t.Cleanup(b.Close)
	return b
}

func (b *bearerOnly) tokens() (n int) {
	b.seen.Range(func(any, any) bool { n++; return true })
	return n
}

// by returns the Config of a login to b by OIDC.
func (b *bearerOnly) by(i *kubetest.Issuer, v *vault) Config {
	return Config{
		Server: b.URL, AuthType: AuthOIDC, CAData: string(i.CA()), Insecure: true, RefreshTokens: v,
		OIDCIssuerURL: i.URL, OIDCClientID: i.ClientID, OIDCClientSecret: i.ClientSecret, OIDCRefreshToken: v.token,
	}
}

func connected(t *testing.T, cfg Config) *Connection {
	t.Helper()
	connector := NewConnector(Options{})
	t.Cleanup(connector.Close)
	conn, err := connector.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { connector.Discard(conn) })
	return conn
}

func TestManyRequestsRefreshOnce(t *testing.T) {
	t.Parallel()
	issuer, api := kubetest.NewIssuer(t), newBearerOnly(t)
	v := &vault{token: issuer.Login()}
	first := v.token
	conn := connected(t, api.by(issuer, v))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := conn.Test(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	redeemed, refused := issuer.Counts()
	require.Equal(t, []int{1, 0}, []int{redeemed, refused})
	require.Equal(t, 1, api.tokens())
	require.Equal(t, issuer.Newest(), v.token, "the new one is stored")
	require.NotEqual(t, first, v.token)

	cfg, err := conn.Upgrade(t.Context())
	require.NoError(t, err)
	_, known := api.seen.Load(cfg.BearerToken)
	require.True(t, known)
	require.NotNil(t, cfg.Dial)
	require.NotContains(t, conn.Err(&Error{Reason: Other, Message: "you sent " + cfg.BearerToken + " and " + v.token}).Error(), v.token)
}

func TestTokenIsRefreshedBeforeItsEnd(t *testing.T) {
	t.Parallel()
	issuer, api := kubetest.NewIssuer(t), newBearerOnly(t)
	conn := connected(t, api.by(issuer, &vault{token: issuer.Login()}))
	now := time.Now()
	conn.tokens.now = func() time.Time { return now }
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {58 * time.Minute, 1}, {90 * time.Second, 2}, {time.Minute, 2}} {
		now = now.Add(step.after)
		require.NoError(t, conn.Test(t.Context()))
		redeemed, _ := issuer.Counts()
		require.Equal(t, step.want, redeemed, step.after)
		issuer.SetLifetime(3 * time.Hour) // the issuer's clock is another
	}
}

func TestTokenIsUsedToItsEndWhenTheIssuerIsAway(t *testing.T) {
	t.Parallel()
	issuer, api := kubetest.NewIssuer(t), newBearerOnly(t)
	conn := connected(t, api.by(issuer, &vault{token: issuer.Login()}))
	now := time.Now()
	conn.tokens.now = func() time.Time { return now }
	require.NoError(t, conn.Test(t.Context()))
	issuer.Break(status(http.StatusServiceUnavailable, "x", "x"))
	now = now.Add(time.Hour - 10*time.Second)
	require.NoError(t, conn.Test(t.Context()))
	now = now.Add(20 * time.Second)
	require.Equal(t, Busy, ReasonOf(conn.Test(t.Context())))
}

func TestRefusedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	issuer, api := kubetest.NewIssuer(t), newBearerOnly(t)
	conn := connected(t, api.by(issuer, &vault{token: issuer.Login()}))
	now := time.Now()
	conn.tokens.now = func() time.Time { return now }
	require.NoError(t, conn.Test(t.Context()))
	now = now.Add(time.Minute)
	api.refused.Store(conn.tokens.token)
	require.NoError(t, conn.Test(t.Context()), "with a body to send again, too")
	redeemed, _ := issuer.Counts()
	require.Equal(t, 2, redeemed)

	api.refused.Store(conn.tokens.token)
	for range 3 {
		require.Equal(t, Unauthorized, ReasonOf(conn.Test(t.Context())))
	}
	redeemed, _ = issuer.Counts()
	require.Equal(t, 2, redeemed, "a new token that is refused is no reason for another")
}

// Several processes share one database. An issuer that sees a refresh token twice
// may end the login.
func TestRefreshTokenIsRedeemedOnce(t *testing.T) {
	t.Parallel()
	issuer, api := kubetest.NewIssuer(t), newBearerOnly(t)
	v := &vault{token: issuer.Login(), locked: make(chan struct{}, 1)}
	const processes = 4
	var all sync.WaitGroup
	for range processes {
		conn := connected(t, api.by(issuer, v))
		all.Go(func() {
			if err := conn.Test(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	redeemed, refused := issuer.Counts()
	require.Equal(t, []int{processes, 0}, []int{redeemed, refused})
	require.Equal(t, issuer.Newest(), v.token)

	conn := connected(t, api.by(issuer, v))
	v.setBroken(true)
	err := conn.Test(t.Context())
	require.Equal(t, Busy, ReasonOf(err))
	require.ErrorContains(t, err, "the database does not answer")
	redeemed, _ = issuer.Counts()
	require.Equal(t, processes, redeemed, "without the lock nothing is sent")
}

func TestWaitingForTheLockEndsInTime(t *testing.T) {
	t.Parallel()
	issuer, api := kubetest.NewIssuer(t), newBearerOnly(t)
	v := &vault{token: issuer.Login(), locked: make(chan struct{}, 1)}
	v.locked <- struct{}{} // by a process that hangs
	conn := connected(t, api.by(issuer, v))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := conn.Test(ctx)
	require.Equal(t, Timeout, ReasonOf(err))
	<-v.locked
	require.NoError(t, conn.Test(t.Context()))
}

func TestTokenThatIsUsedUp(t *testing.T) {
	t.Parallel()
	issuer, api := kubetest.NewIssuer(t), newBearerOnly(t)
	v := &vault{token: issuer.Login()}
	stale, entered := api.by(issuer, &vault{token: v.token}), api.by(issuer, v)
	entered.RefreshTokens = &enteredLate{vault: vault{token: v.token}, then: issuer.Login()}
	require.NoError(t, connected(t, api.by(issuer, v)).Test(t.Context()))
	err := connected(t, stale).Test(t.Context())
	require.Equal(t, Unauthorized, ReasonOf(err))
	require.ErrorContains(t, err, "the OIDC issuer "+issuer.URL+" does not accept the refresh token any more")
	require.NoError(t, connected(t, entered).Test(t.Context()), "a new one was entered meanwhile")
}

// enteredLate has another token after it was read once.
type enteredLate struct {
	vault

	then string
}

func (e *enteredLate) Current(ctx context.Context) (string, error) {
	now, err := e.vault.Current(ctx)
	return now, errors.Join(err, e.Replace(ctx, now, e.then))
}

func TestTokenThatCannotBeStoredIsStoredLater(t *testing.T) {
	t.Parallel()
	issuer, api := kubetest.NewIssuer(t), newBearerOnly(t)
	v := &vault{token: issuer.Login()}
	old := v.token
	conn := connected(t, api.by(issuer, v))
	now := time.Now()
	conn.tokens.now = func() time.Time { return now }
	v.setBroken(true)
	require.NoError(t, conn.Test(t.Context()))
	require.Equal(t, old, v.token)
	v.setBroken(false)
	now = now.Add(2 * time.Hour)
	require.NoError(t, conn.Test(t.Context()))
	require.Equal(t, issuer.Newest(), v.token)
	_, refused := issuer.Counts()
	require.Zero(t, refused)
}
