package account

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/oauth"
)

const (
	oauthStates = "oauth_state" // purposes of codes
	oauthGrants = "oauth_login"

	oauthStateTTL = 10 * time.Minute
	oauthGrantTTL = 30 * time.Second
	// oauthLoginTime bounds all that a provider is asked for one login.
	oauthLoginTime = 20 * time.Second
	maxOAuthText   = 4096 // bytes of a code or a state
)

// oauthPeer speaks to one provider.
type oauthPeer interface {
	AuthURL(ctx context.Context, a oauth.Attempt) (string, error)
	Login(ctx context.Context, a oauth.Attempt, back oauth.Callback) (oauth.Person, error)
}

// OAuthProvider is one external service to log in with.
type OAuthProvider struct {
	models.AuthProvider

	AllowedDomains []string // of verified e-mail addresses, lower-case; empty allows all
	SignupEnabled  bool     // whether people without an account get one
	Peer           oauthPeer
}

// apiTokenRevoker ends the API tokens of an account.
type apiTokenRevoker interface {
	RevokeAll(ctx context.Context, userID string) error
}

// OAuthDeps is what logging in through providers needs.
type OAuthDeps struct {
	Providers []OAuthProvider
	Auth      *Auth
	Users     providerUsers
	Codes     codes
	APITokens apiTokenRevoker
	Log       *slog.Logger
	Now       func() time.Time
}

// OAuth logs people in through external providers. It is safe for concurrent
// use, also by several servers on one database: a login may begin at one and
// end at another.
type OAuth struct{ deps OAuthDeps }

// NewOAuth returns a service over d.
func NewOAuth(d OAuthDeps) *OAuth { return &OAuth{d} }

// Begin starts a login. An unknown provider is NotFound, one that does not answer
// is Unavailable.
func (o *OAuth) Begin(ctx context.Context, provider string) (models.OAuthStart, error) {
	const op = "account.OAuth.Begin"
	p, err := o.provider(op, provider)
	if err != nil {
		return models.OAuthStart{}, err
	}
	start := models.OAuthStart{State: rand.Text(), Browser: models.NewSecret(rand.Text() + rand.Text())}
	if start.URL, err = p.Peer.AuthURL(ctx, attemptOf(start.State, start.Browser)); err != nil {
		o.deps.Log.WarnContext(ctx, "a provider cannot be logged in with", "provider", p.Name, "err", err)
		return models.OAuthStart{}, providerError(op, p, err)
	}
	state := models.OAuthState{Provider: p.Name, Browser: hashSecret(start.Browser.Reveal())}
	return start, o.deps.Codes.Put(ctx, oauthStates, start.State, state, o.deps.Now().Add(oauthStateTTL))
}

// Finish ends a login with what the browser brought back. Exchange turns the code
// into a session, once and within oauthGrantTTL. The messages of errors are shown
// on the login page.
func (o *OAuth) Finish(ctx context.Context, in models.OAuthReturn) (code string, err error) {
	const op = "account.OAuth.Finish"
	p, err := o.provider(op, in.Provider)
	if err != nil {
		models.NoteOutcomeForAudit(ctx, models.AuditDenied)
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, oauthLoginTime)
	defer cancel()
	u, err := o.finish(ctx, p, in)
	if err == nil {
		code = rand.Text()
		grant := models.OAuthGrant{UserID: u.ID, Epoch: u.SessionEpoch, Provider: p.Name}
		err = o.deps.Codes.Put(ctx, oauthGrants, code, grant, o.deps.Now().Add(oauthGrantTTL))
	}
	if err != nil {
		o.noteFailure(ctx, p, err)
		return "", err
	}
	models.NoteActorForAudit(ctx, u.ID, u.Email)
	return code, nil
}

func (o *OAuth) finish(ctx context.Context, p OAuthProvider, in models.OAuthReturn) (models.User, error) {
	const op = "account.OAuth.Finish"
	a, err := o.takeState(ctx, p, in)
	if err != nil {
		return models.User{}, err
	}
	if in.Error != "" || in.Code.Empty() || len(in.Code.Reveal()) > maxOAuthText {
		return models.User{}, forbidden(op, refusal(p, in))
	}
	who, err := p.Peer.Login(ctx, a, oauth.Callback{Code: in.Code.Reveal(), Issuer: in.Issuer})
	if err != nil {
		return models.User{}, providerError(op, p, err)
	}
	return o.account(ctx, p, who)
}

// takeState takes the state of a login that this browser began with p. Nothing
// that came back is used or shown before.
func (o *OAuth) takeState(ctx context.Context, p OAuthProvider, in models.OAuthReturn) (oauth.Attempt, error) {
	const op = "account.OAuth.Finish"
	stale := forbidden(op, "this login has expired, was finished already, or was begun in another browser; please try again")
	if in.State == "" || len(in.State) > maxOAuthText {
		return oauth.Attempt{}, stale
	}
	var state models.OAuthState
	err := o.deps.Codes.Take(ctx, oauthStates, in.State, o.deps.Now(), &state)
	switch {
	case models.KindOf(err) == models.NotFound:
		return oauth.Attempt{}, stale
	case err != nil:
		return oauth.Attempt{}, err
	case state.Provider != p.Name, subtle.ConstantTimeCompare([]byte(state.Browser), []byte(hashSecret(in.Browser.Reveal()))) != 1:
		return oauth.Attempt{}, stale
	}
	return attemptOf(in.State, in.Browser), nil
}

// Exchange turns a code of Finish into a session. A code that is unknown, used
// or expired is Unauthenticated.
func (o *OAuth) Exchange(ctx context.Context, in models.OAuthExchange) (models.Session, error) {
	const op = "account.OAuth.Exchange"
	if in.Code.Empty() {
		var p models.Problems
		p.Addf("code", "is required")
		return models.Session{}, p.Err(op)
	}
	spent := &models.Error{Op: op, Kind: models.Unauthenticated, Msg: "this login has expired or was finished already; please log in again"}
	var grant models.OAuthGrant
	err := o.deps.Codes.Take(ctx, oauthGrants, in.Code.Reveal(), o.deps.Now(), &grant)
	var u models.User
	if err == nil {
		u, err = o.deps.Auth.users.ByID(ctx, grant.UserID)
	}
	switch {
	case models.KindOf(err) == models.NotFound:
		return models.Session{}, spent
	case err != nil:
		return models.Session{}, err
	case u.SessionEpoch != grant.Epoch || u.AuthProvider != grant.Provider: // all its sessions were ended since
		return models.Session{}, spent
	}
	models.NoteForAudit(ctx, "provider", grant.Provider)
	models.NoteActorForAudit(ctx, u.ID, u.Email)
	return o.deps.Auth.StartSession(ctx, u, grant.Provider)
}

func (o *OAuth) provider(op, name string) (OAuthProvider, error) {
	for _, p := range o.deps.Providers {
		if p.Name == name {
			return p, nil
		}
	}
	return OAuthProvider{}, &models.Error{Op: op, Kind: models.NotFound, Msg: "there is no such provider to log in with"}
}

func (o *OAuth) noteFailure(ctx context.Context, p OAuthProvider, err error) {
	level, outcome := slog.LevelWarn, models.AuditFailed
	switch models.KindOf(err) {
	case models.Internal:
		level = slog.LevelError
	case models.Forbidden, models.Unauthenticated:
		level, outcome = slog.LevelInfo, models.AuditDenied
	}
	models.NoteOutcomeForAudit(ctx, outcome)
	o.deps.Log.Log(ctx, level, "a login through a provider failed", "provider", p.Name, "err", err)
}

// attemptOf derives nonce and verifier of a login from the secret in the browser's
// cookie, so that a reader of the database cannot finish the login.
func attemptOf(state string, browser models.Secret) oauth.Attempt {
	derive := func(label string) string {
		mac := hmac.New(sha256.New, []byte(browser.Reveal()))
		fmt.Fprintf(mac, "%s:%s", label, state)
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	return oauth.Attempt{State: state, Nonce: derive("nonce"), Verifier: derive("verifier")}
}

// refusal says why a provider sent no code. The provider's text is quoted.
func refusal(p OAuthProvider, in models.OAuthReturn) string {
	const most = 200
	if in.Error == "access_denied" {
		return "the login at " + p.DisplayName + " was cancelled"
	}
	text := oauth.Clip(in.ErrorDescription, most)
	if text == "" {
		text = oauth.Clip(in.Error, most)
	}
	if text == "" {
		return p.DisplayName + " sent no code to log in with; please try again"
	}
	return fmt.Sprintf("%s refused the login: %q", p.DisplayName, text)
}

// providerError gives a failure of a provider a text for the login page.
func providerError(op string, p OAuthProvider, err error) error {
	out := &models.Error{Op: op, Kind: models.Unavailable, Err: err}
	peer, known := errors.AsType[*oauth.Error](err)
	switch {
	case !known || peer.Reason == oauth.Unreachable:
		out.Msg = p.DisplayName + " does not answer as it should right now; please try again later, or log in another way"
	case peer.Reason == oauth.Refused:
		out.Msg = p.DisplayName + " did not accept this login; please try again"
	default:
		out.Msg = "the answer of " + p.DisplayName + " could not be verified; please try again"
	}
	return out
}
