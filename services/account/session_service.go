package account

import (
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// maxSessions is how many sessions one account has; the oldest ends when
	// there are more.
	maxSessions = 100
	// usedEvery is how exactly it is known when a session was last used.
	usedEvery = time.Minute
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
	Trim(ctx context.Context, userID string, most int) (gone []string, err error)
}

// sessionStore keeps who is signed in where.
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

// Sessions knows who is signed in, and ends it. What ends a session here holds
// for this server at once and for others on the same database within
// identityAge; what is open for it ends within recheckEvery there. It is safe
// for concurrent use.
type Sessions struct {
	store  sessionStore
	users  sessionUsers
	codes  codes
	tokens *Tokens
	log    *slog.Logger

	apiTokens apiTokens

	known identityCache
	live  liveSessions
}

// NewSessions returns the sessions in store of the people in users. Tickets
// are kept in codes; apiTokens knows what stands for an account besides.
func NewSessions(store sessionStore, users sessionUsers, codes codes, tokens *Tokens, apiTokens apiTokens, log *slog.Logger) *Sessions {
	return &Sessions{store: store, users: users, codes: codes, tokens: tokens, apiTokens: apiTokens, log: log}
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
	if gone, err := s.store.Trim(ctx, u.ID, maxSessions); err != nil {
		return models.Session{}, err
	} else if len(gone) > 0 {
		s.drop(func(id models.Identity) bool { return slices.Contains(gone, id.SessionID) })
	}
	return s.answer(u, begun)
}

func (s *Sessions) answer(u models.User, of models.StoredSession) (models.Session, error) {
	token, err := s.tokens.sign(u, of.ID, of.CreatedAt)
	if err != nil {
		return models.Session{}, err
	}
	return models.Session{Token: token, User: userView(u)}, nil
}

// Refresh returns a new token of the session that id names, as long as the
// sign-in is recent enough.
func (s *Sessions) Refresh(ctx context.Context, id models.Identity) (models.Session, error) {
	of, u, err := s.look(ctx, id.UserID, id.SessionID)
	if err != nil {
		return models.Session{}, err
	}
	now := s.now()
	if now.Sub(of.CreatedAt) > s.tokens.refreshFor {
		return models.Session{}, invalidSession(errTooLongAgo)
	}
	if err := s.store.Extend(ctx, of.ID, now.Add(s.tokens.ttl)); err != nil {
		if models.KindOf(err) == models.NotFound {
			err = invalidSession(err)
		}
		return models.Session{}, err
	}
	return s.answer(u, of)
}

// List returns the sessions of the one who asks, the newest first.
func (s *Sessions) List(ctx context.Context, id models.Identity) ([]models.SessionView, error) {
	u, err := s.users.ByID(ctx, id.UserID)
	if err != nil {
		return nil, err
	}
	now := s.now()
	stored, err := s.store.ByUser(ctx, id.UserID, now)
	if err != nil {
		return nil, err
	}
	views := make([]models.SessionView, 0, len(stored))
	for _, one := range stored {
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

// End ends one of the user's sessions and what is open for it. Somebody
// else's is NotFound.
func (s *Sessions) End(ctx context.Context, userID, sessionID string) error {
	err := s.store.Delete(ctx, userID, sessionID)
	if err == nil {
		s.drop(func(id models.Identity) bool { return id.SessionID == sessionID })
	}
	return err
}

// EndOthers ends all sessions of the one who asks but its own.
func (s *Sessions) EndOthers(ctx context.Context, id models.Identity) error {
	return s.endAll(ctx, id.UserID, id.SessionID)
}

// EndAll ends all sessions of the one who asks.
func (s *Sessions) EndAll(ctx context.Context, id models.Identity) error {
	return s.endAll(ctx, id.UserID, "")
}

// EndAccount ends all sessions of an account that has lost its rights, and
// what is open for its API tokens.
func (s *Sessions) EndAccount(ctx context.Context, userID string) error {
	err := s.endAll(ctx, userID, "")
	s.drop(func(id models.Identity) bool { return id.UserID == userID })
	return err
}

// Forget has an account looked at anew, after its rights have grown.
func (s *Sessions) Forget(userID string) {
	s.known.drop(func(id models.Identity) bool { return id.UserID == userID })
}

// EndToken makes it known that an API token is good no more: it is forgotten,
// and what is open for it ends.
func (s *Sessions) EndToken(tokenID string) {
	s.drop(func(id models.Identity) bool { return tokenID != "" && id.TokenID == tokenID })
}

func (s *Sessions) endAll(ctx context.Context, userID, keep string) error {
	err := s.store.DeleteAll(ctx, userID, keep)
	// Also when that failed: the account's epoch may have ended them already.
	s.drop(func(id models.Identity) bool {
		return id.UserID == userID && id.SessionID != "" && id.SessionID != keep
	})
	return err
}

// drop makes the end of sessions known in this process.
func (s *Sessions) drop(match func(models.Identity) bool) {
	s.known.drop(match)
	s.live.end(match)
}

// now is the present at the precision that is stored.
func (s *Sessions) now() time.Time { return models.StoredTime(s.tokens.now()) }
