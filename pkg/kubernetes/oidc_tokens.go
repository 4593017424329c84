package kubernetes

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	refreshTime = 8 * time.Second // less than what people wait for a test, so that they read which side is slow
	storeTime   = 5 * time.Second
	expiryGuard = time.Minute      // before its end a token is replaced
	leastUse    = 10 * time.Second // of one token, however short it lives and whoever refuses it
	raceTries   = 5                // to see the token that won a race,
	racePause   = 200 * time.Millisecond
)

// idTokens keeps the ID token of one login fresh. However many ask at once,
// the issuer is asked once. It is safe for concurrent use.
type idTokens struct {
	issuer *issuer
	stored refreshTokens // nil: nobody keeps them
	crew   *crew
	now    func() time.Time

	mu      sync.Mutex
	token   string
	got     time.Time
	until   time.Time // when it is to be replaced
	expires time.Time
	refresh string // the newest refresh token that is known here
	behind  string // what is stored in place of refresh, as storing it failed
	failed  error  // of the last refresh
	tried   time.Time
	flight  *flight
	ended   bool
}

// flight is one refresh. Its fields are read after done is closed.
type flight struct {
	done  chan struct{}
	token string
	err   error
}

func newIDTokens(login *oidcLogin, dial dialFunc, c *crew) *idTokens {
	return &idTokens{issuer: newIssuer(login, dial), stored: login.stored, crew: c, now: time.Now, refresh: login.refreshToken}
}

// get returns a token that has not expired.
func (t *idTokens) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	if t.token != "" && t.now().Before(t.until) {
		defer t.mu.Unlock()
		return t.token, nil
	}
	token, err := t.await(ctx, t.begin(ctx))
	if still := t.unexpired(); err != nil && still != "" {
		return still, nil // the issuer has a little longer to come back
	}
	return token, err
}

func (t *idTokens) unexpired() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now().Before(t.expires) {
		return t.token
	}
	return ""
}

// after returns another token than one that the cluster has refused, or the
// same when that is so new that another would fare no better.
func (t *idTokens) after(ctx context.Context, refused string) (string, error) {
	t.mu.Lock()
	if t.token != refused || t.now().Before(t.got.Add(leastUse)) {
		defer t.mu.Unlock()
		return t.token, nil
	}
	return t.await(ctx, t.begin(ctx))
}

// begin joins the refresh that goes on, or starts one. It does not end with
// ctx: a refresh token that was given up half way might be lost. t.mu must be
// held; begin releases it.
func (t *idTokens) begin(ctx context.Context) *flight {
	defer t.mu.Unlock()
	if t.flight != nil {
		return t.flight
	}
	f := &flight{done: make(chan struct{})}
	if how, _ := ctx.Value(eagernessKey{}).(eagerness); t.failed != nil && how != certain && t.now().Before(t.tried.Add(leastUse)) {
		return f.fail(t.failed) // what the issuer refused a moment ago it refuses still
	}
	ctx = context.WithoutCancel(ctx)
	begun := !t.ended && t.crew.do(func() {
		defer close(f.done)
		f.token, f.err = t.renew(ctx)
	})
	if !begun {
		return f.fail(errCut())
	}
	t.flight = f
	return f
}

func (f *flight) fail(err error) *flight {
	f.err = err
	close(f.done)
	return f
}

func (t *idTokens) await(ctx context.Context, f *flight) (string, error) {
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return "", t.issuer.wrong(ctx.Err())
	}
}

// renew asks the issuer. A new refresh token is stored before anything else
// happens: a process that dies between the issuer's answer and that moment
// loses the login, and nothing can be done about it.
func (t *idTokens) renew(ctx context.Context) (string, error) {
	asking, cancel := context.WithTimeout(ctx, refreshTime)
	defer cancel()
	old := t.newest(asking)
	g, err := t.issuer.redeem(asking, old)
	if usedUp(err) {
		if other := t.winner(asking, old); other != "" {
			old = other
			g, err = t.issuer.redeem(asking, old)
		}
	}
	if g.refresh != "" {
		t.keep(ctx, old, g.refresh)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flight, t.failed, t.tried = nil, err, t.now()
	if err != nil {
		return "", err
	}
	t.token, t.got, t.expires = g.idToken, t.now(), g.expires
	t.until = usable(t.got, g.expires)
	return t.token, nil
}

// usable ends shortly before the token does.
func usable(got, expires time.Time) time.Time {
	until := expires.Add(-min(expiryGuard, expires.Sub(got)/10))
	if least := got.Add(leastUse / 10); until.Before(least) {
		return least // the clocks differ; asking for each request would help nobody
	}
	return until
}

// newest returns the refresh token to use: another process may have stored
// one since.
func (t *idTokens) newest(ctx context.Context) string {
	t.mu.Lock()
	own, behind := t.refresh, t.behind
	t.mu.Unlock()
	if behind != "" {
		t.keep(ctx, behind, own)
		return own
	}
	if current := t.current(ctx); current != "" {
		return current
	}
	return own
}

func (t *idTokens) current(ctx context.Context) string {
	if t.stored == nil {
		return ""
	}
	current, err := t.stored.Current(ctx)
	if err != nil {
		return "" // the one at hand may still do
	}
	return current
}

// winner waits a moment for the token of whoever used the given one up.
func (t *idTokens) winner(ctx context.Context, used string) string {
	for range raceTries {
		if current := t.current(ctx); current != "" && current != used {
			return current
		}
		if !sleep(ctx, racePause) {
			break
		}
	}
	return ""
}

// keep makes fresh the refresh token to use next, here and in the store. What
// cannot be stored now is stored at the next refresh.
func (t *idTokens) keep(ctx context.Context, old, fresh string) {
	var err error
	if t.stored != nil && old != fresh {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
		defer cancel()
		err = t.stored.Replace(ctx, old, fresh)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refresh, t.behind = fresh, ""
	if err != nil {
		t.behind = old
	}
}

// secrets returns what must never be part of a message.
func (t *idTokens) secrets() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := []string{t.token, t.refresh, t.behind, t.issuer.login.clientSecret, t.issuer.login.refreshToken}
	return slices.DeleteFunc(all, tooShort)
}

// end refuses further refreshes; one that has begun comes to its end.
func (t *idTokens) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
}

// sleep returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
