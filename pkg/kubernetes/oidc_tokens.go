package kubernetes

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	refreshTimeout = 8 * time.Second // less than people wait for Connection.Test, so that they read which side is slow
	storeTimeout   = 5 * time.Second
	expiryMargin   = time.Minute      // a token is replaced so long before it expires
	minTokenAge    = 10 * time.Second // a younger token is not replaced because it is refused
)

// idTokens keeps the ID token of one login fresh. Concurrent callers share one
// request to the issuer. It is safe for concurrent use.
type idTokens struct {
	issuer     *issuer
	store      refreshTokens // nil: refresh tokens are not stored
	background *background
	now        func() time.Time

	mu           sync.Mutex
	token        string
	received     time.Time
	renewAt      time.Time
	expires      time.Time
	refreshToken string    // the newest one known here
	unreplaced   string    // what is stored in place of refreshToken, since storing that failed; else ""
	lastErr      error     // of the last refresh
	lastTry      time.Time // when that ended
	running      *refresh
	closed       bool
}

// refresh is one request to the issuer. Its results are read after done is
// closed.
type refresh struct {
	done  chan struct{}
	token string
	err   error
}

func newIDTokens(login *oidcLogin, dial dialFunc, b *background) *idTokens {
	return &idTokens{issuer: newIssuer(login, dial), store: login.stored, background: b, now: time.Now, refreshToken: login.refreshToken}
}

// get returns a token that has not expired.
func (t *idTokens) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	if t.token != "" && t.now().Before(t.renewAt) {
		defer t.mu.Unlock()
		return t.token, nil
	}
	token, err := t.wait(ctx, t.startRefresh(ctx))
	if valid := t.unexpired(); err != nil && valid != "" {
		return valid, nil // the issuer may be back before it expires
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

// replace returns a token in place of one that the cluster has refused. It
// returns the refused one if that is so new that another would be refused, too.
func (t *idTokens) replace(ctx context.Context, refused string) (string, error) {
	t.mu.Lock()
	if t.token != refused || t.now().Before(t.received.Add(minTokenAge)) {
		defer t.mu.Unlock()
		return t.token, nil
	}
	return t.wait(ctx, t.startRefresh(ctx))
}

// startRefresh starts a refresh or returns the one that is running. It goes on
// when ctx ends, since the issuer's answer may hold the only refresh token that
// is still good. t.mu must be held; startRefresh releases it.
func (t *idTokens) startRefresh(ctx context.Context) *refresh {
	defer t.mu.Unlock()
	if t.running != nil {
		return t.running
	}
	r := &refresh{done: make(chan struct{})}
	if t.lastErr != nil && probingOf(ctx) != probeAlways && t.now().Before(t.lastTry.Add(minTokenAge)) {
		return r.fail(t.lastErr) // the issuer would give the same answer
	}
	ctx = context.WithoutCancel(ctx)
	started := !t.closed && t.background.start(func() {
		defer close(r.done)
		r.token, r.err = t.renew(ctx)
	})
	if !started {
		return r.fail(errClosed())
	}
	t.running = r
	return r
}

func (r *refresh) fail(err error) *refresh {
	r.err = err
	close(r.done)
	return r
}

func (t *idTokens) wait(ctx context.Context, r *refresh) (string, error) {
	select {
	case <-r.done:
		return r.token, r.err
	case <-ctx.Done():
		return "", t.issuer.failure(ctx.Err())
	}
}

// renew replaces the ID token.
func (t *idTokens) renew(ctx context.Context) (string, error) {
	g, err := t.redeem(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running, t.lastErr, t.lastTry = nil, err, t.now()
	if err != nil {
		return "", err
	}
	t.token, t.received, t.expires = g.idToken, t.now(), g.expires
	t.renewAt = renewalTime(t.received, g.expires)
	return t.token, nil
}

// redeem asks the issuer for an ID token. It stores a new refresh token before
// anything else: a process that dies between the issuer's answer and that moment
// loses the login.
func (t *idTokens) redeem(ctx context.Context) (grant, error) {
	asking, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	if t.store != nil {
		unlock, err := t.store.Lock(asking)
		switch {
		case asking.Err() != nil: // the issuer keeps the others waiting, too
			return grant{}, t.issuer.failure(asking.Err())
		case err != nil:
			msg := "the login at the OIDC issuer " + t.issuer.login.issuer + " cannot be renewed, because the database does not answer"
			return grant{}, &Error{Reason: Busy, Message: msg, Err: err}
		}
		defer unlock()
	}
	used := t.newestRefreshToken(asking)
	g, err := t.issuer.redeem(asking, used)
	if usedUp(err) {
		// Somebody may have entered another one meanwhile.
		if stored := t.storedToken(asking); stored != "" && stored != used {
			used = stored
			g, err = t.issuer.redeem(asking, used)
		}
	}
	if g.refresh != "" {
		t.saveRefreshToken(ctx, used, g.refresh)
	}
	return g, err
}

// renewalTime is shortly before the token expires.
func renewalTime(received, expires time.Time) time.Time {
	at := expires.Add(-min(expiryMargin, expires.Sub(received)/10))
	if earliest := received.Add(minTokenAge / 10); at.Before(earliest) {
		return earliest // the clocks differ: without it, each request would ask the issuer
	}
	return at
}

// newestRefreshToken returns the stored refresh token, which another process may
// have replaced, or the one known here.
func (t *idTokens) newestRefreshToken(ctx context.Context) string {
	t.mu.Lock()
	own, unreplaced := t.refreshToken, t.unreplaced
	t.mu.Unlock()
	if unreplaced != "" {
		t.saveRefreshToken(ctx, unreplaced, own)
		return own
	}
	if stored := t.storedToken(ctx); stored != "" {
		return stored
	}
	return own
}

// storedToken returns "" when there is no store, or when it cannot be read.
func (t *idTokens) storedToken(ctx context.Context) string {
	if t.store == nil {
		return ""
	}
	stored, err := t.store.Current(ctx)
	if err != nil {
		return ""
	}
	return stored
}

// saveRefreshToken makes fresh the refresh token to use next, here and in the
// store. If it cannot be stored, the next refresh tries again.
func (t *idTokens) saveRefreshToken(ctx context.Context, old, fresh string) {
	var err error
	if t.store != nil && old != fresh {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		err = t.store.Replace(ctx, old, fresh)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refreshToken, t.unreplaced = fresh, ""
	if err != nil {
		t.unreplaced = old
	}
}

// secrets returns the texts that no message may hold.
func (t *idTokens) secrets() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := []string{t.token, t.refreshToken, t.unreplaced, t.issuer.login.clientSecret, t.issuer.login.refreshToken}
	return slices.DeleteFunc(all, tooShort)
}

// close refuses further refreshes; a running one is not interrupted.
func (t *idTokens) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}
