package account

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// maxSessions is how many sessions one account has; the oldest ends when
	// there are more.
	maxSessions = 100
	// touchEvery is the precision of the time of last use.
	touchEvery = time.Minute
)

type sessionReader interface {
	ByID(ctx context.Context, id string) (models.StoredSession, error)
	ByIDs(ctx context.Context, ids []string) ([]models.StoredSession, error)
	ByUser(ctx context.Context, userID string, now time.Time) ([]models.StoredSession, error)
}

type sessionWriter interface {
	Insert(ctx context.Context, s models.StoredSession) error
	Touch(ctx context.Context, id string, at, since time.Time) error
	Extend(ctx context.Context, id string, until time.Time) error
}

type sessionRemover interface {
	Delete(ctx context.Context, userID, id string) error
	DeleteAll(ctx context.Context, userID, keep string) error
	Trim(ctx context.Context, userID string, most int) (removed []string, err error)
}

// sessionStore stores sessions.
type sessionStore interface {
	sessionReader
	sessionWriter
	sessionRemover
}

// sessionUsers reads the accounts behind sessions.
type sessionUsers interface {
	ByID(ctx context.Context, id string) (models.User, error)
	ByIDs(ctx context.Context, ids []string) ([]models.User, error)
}

// codes keeps what a random code stands for until it is taken, once.
type codes interface {
	Put(ctx context.Context, purpose, code string, value any, expires time.Time) error
	Take(ctx context.Context, purpose, code string, now time.Time, value any) error
}

// SessionDeps is what Sessions works with.
type SessionDeps struct {
	Store     sessionStore
	Users     sessionUsers // the accounts behind sessions
	Codes     codes        // for tickets
	Tokens    *Tokens
	APITokens apiTokens
	Peers     peers // nil: there can be no other server
	Log       *slog.Logger
}

// Sessions starts, checks and ends sessions. The end of a session takes effect
// with the next request, on all servers that share the database. What is open for
// it ends at once on the server that ends it, and on the others when that one's
// message arrives. Messages can be lost while the database is away, so each
// server looks for itself, too: every recheckEvery. It is safe for concurrent use.
type Sessions struct {
	store  sessionStore
	users  sessionUsers
	codes  codes
	tokens *Tokens
	peers  peers
	log    *slog.Logger

	apiTokens apiTokens

	known identityCache
	live  liveSessions
	lost  chan struct{} // holds one place: messages may have been lost
}

// NewSessions returns the sessions in d.Store.
func NewSessions(d SessionDeps) *Sessions {
	if d.Peers == nil {
		d.Peers = noPeers{}
	}
	return &Sessions{
		store: d.Store, users: d.Users, codes: d.Codes, tokens: d.Tokens, peers: d.Peers, log: d.Log, apiTokens: d.APITokens,
		lost: make(chan struct{}, 1),
	}
}

// Start signs u in. method is SessionByPassword or a provider's slug. A
// disabled account is Forbidden. u is to be as it was when it was
// authenticated: if its password was changed since, the session is over
// before it begins.
func (s *Sessions) Start(ctx context.Context, u models.User, method string) (models.Session, error) {
	const op = "account.Sessions.Start"
	models.NoteActorForAudit(ctx, u.ID, u.Email)
	models.NoteForAudit(ctx, "method", method)
	if u.Disabled {
		return models.Session{}, forbidden(op, "this account is disabled; ask an administrator")
	}
	now, client := s.now(), models.ClientFrom(ctx)
	begun := models.StoredSession{
		ID: rand.Text(), UserID: u.ID, Epoch: u.SessionEpoch, Method: method,
		Address: client.Address, UserAgent: client.UserAgent,
		CreatedAt: now, LastUsedAt: now, ExpiresAt: now.Add(max(s.tokens.ttl, s.tokens.refreshFor)),
	}
	if err := s.store.Insert(ctx, begun); err != nil {
		return models.Session{}, err
	}
	if ended, err := s.store.Trim(ctx, u.ID, maxSessions); err != nil {
		return models.Session{}, err
	} else if len(ended) > 0 {
		s.revoke(revocation{SessionIDs: ended})
	}
	return s.answer(u, begun)
}

func (s *Sessions) answer(u models.User, stored models.StoredSession) (models.Session, error) {
	token, err := s.tokens.sign(u, stored.ID, stored.CreatedAt)
	if err != nil {
		return models.Session{}, err
	}
	return models.Session{Token: token, User: userView(u)}, nil
}

// Refresh returns a new token of the session that id names, as long as the
// sign-in is recent enough.
func (s *Sessions) Refresh(ctx context.Context, id models.Identity) (models.Session, error) {
	stored, u, err := s.load(ctx, id.UserID, id.SessionID)
	if err != nil {
		return models.Session{}, err
	}
	now := s.now()
	if now.Sub(stored.CreatedAt) > s.tokens.refreshFor {
		return models.Session{}, invalidSession(errTooLongAgo)
	}
	if err := s.store.Extend(ctx, stored.ID, now.Add(s.tokens.ttl)); err != nil {
		if models.KindOf(err) == models.NotFound {
			err = invalidSession(err)
		}
		return models.Session{}, err
	}
	return s.answer(u, stored)
}

// List returns the caller's sessions, the newest first.
func (s *Sessions) List(ctx context.Context, id models.Identity) ([]models.SessionView, error) {
	u, err := s.users.ByID(ctx, id.UserID)
	if err != nil {
		return nil, err
	}
	now := s.now()
	list, err := s.store.ByUser(ctx, id.UserID, now)
	if err != nil {
		return nil, err
	}
	views := make([]models.SessionView, 0, len(list))
	for _, one := range list {
		if !one.ValidFor(u, now) {
			continue
		}
		views = append(views, models.SessionView{
			ID: one.ID, Current: one.ID == id.SessionID, Method: one.Method, Address: one.Address, UserAgent: one.UserAgent,
			CreatedAt: one.CreatedAt, LastUsedAt: one.LastUsedAt, ExpiresAt: one.ExpiresAt,
		})
	}
	return views, nil
}

// End ends one of the user's sessions and what is open for it. Another user's
// session is NotFound.
func (s *Sessions) End(ctx context.Context, userID, sessionID string) error {
	err := s.store.Delete(ctx, userID, sessionID)
	if err == nil {
		s.revoke(revocation{SessionIDs: []string{sessionID}})
	}
	return err
}

// EndOthers ends the caller's sessions except the one that asks.
func (s *Sessions) EndOthers(ctx context.Context, id models.Identity) error {
	return s.endAll(ctx, revocation{UserID: id.UserID, SessionsOnly: true, Keep: id.SessionID})
}

// EndAll ends all of the caller's sessions.
func (s *Sessions) EndAll(ctx context.Context, id models.Identity) error {
	return s.endAll(ctx, revocation{UserID: id.UserID, SessionsOnly: true})
}

// EndAccount ends all sessions of an account that lost rights, and what is open
// for its API tokens.
func (s *Sessions) EndAccount(ctx context.Context, userID string) error {
	return s.endAll(ctx, revocation{UserID: userID})
}

func (s *Sessions) endAll(ctx context.Context, r revocation) error {
	err := s.store.DeleteAll(ctx, r.UserID, r.Keep)
	// Also after an error: the account's epoch may have ended them already.
	s.revoke(r)
	return err
}

// Forget drops an account from the cache, after it gained rights.
func (s *Sessions) Forget(userID string) { s.revoke(revocation{UserID: userID, Reload: true}) }

// EndToken drops a revoked API token from the cache and ends what is open for it.
func (s *Sessions) EndToken(tokenID string) { s.revoke(revocation{TokenID: tokenID}) }

// now is the present at the precision that is stored.
func (s *Sessions) now() time.Time { return models.StoredTime(s.tokens.now()) }
