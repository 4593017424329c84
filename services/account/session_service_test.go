package account

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

// member registers somebody and returns the first session.
func (h *house) member(t testing.TB, i int) models.Session {
	t.Helper()
	s, err := h.auth.Register(t.Context(), registration(i))
	require.NoError(t, err)
	return s
}

func (h *house) enter(ctx context.Context, i int) (models.Session, error) {
	r := registration(i)
	return h.auth.Login(ctx, models.Login{Email: r.Email, Password: r.Password})
}

func (h *house) signIn(t testing.TB, i int) models.Session {
	t.Helper()
	s, err := h.enter(t.Context(), i)
	require.NoError(t, err)
	return s
}

// whose returns whose valid token it is.
func (h *house) whose(t testing.TB, s models.Session) models.Identity {
	t.Helper()
	id, err := h.sessions.Authenticate(t.Context(), s.Token)
	require.NoError(t, err)
	return id
}

// requireOver requires that a session is good for nothing.
func (h *house) requireOver(t *testing.T, s models.Session) {
	t.Helper()
	_, err := h.sessions.Authenticate(t.Context(), s.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err), "%v", err)
	_, err = h.refresh(t, s.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err), "refresh: %v", err)
}

func TestSessionsAreListed(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	h.member(t, 0)
	h.pass(time.Second)
	from := models.WithClient(t.Context(), models.Client{Address: "192.0.2.7", UserAgent: "curl/8"})
	second, err := h.enter(from, 0)
	require.NoError(t, err)
	h.pass(time.Second)
	third := h.signIn(t, 0)
	h.member(t, 1)

	list, err := h.sessions.List(t.Context(), h.whose(t, second))
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Equal(t, h.whose(t, third).SessionID, list[0].ID)
	got := list[1]
	require.True(t, got.Current)
	require.Equal(t, []any{"192.0.2.7", "curl/8", "password"}, []any{got.Address, got.UserAgent, got.Method})
	require.Equal(t, 7*24*time.Hour, got.ExpiresAt.Sub(got.CreatedAt))
	require.False(t, list[0].Current || list[2].Current)
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	first := h.member(t, 0)
	second, third, stranger := h.signIn(t, 0), h.signIn(t, 0), h.member(t, 1)
	id := h.whose(t, first)
	for _, s := range []models.Session{second, third} { // they are remembered when they end
		h.whose(t, s)
	}
	require.NoError(t, h.sessions.End(t.Context(), id.UserID, h.whose(t, second).SessionID))
	h.requireOver(t, second)
	h.whose(t, third)
	err := h.sessions.End(t.Context(), id.UserID, h.whose(t, stranger).SessionID)
	require.Equal(t, models.NotFound, models.KindOf(err), "somebody else's")
	require.NoError(t, h.sessions.EndOthers(t.Context(), id))
	h.requireOver(t, third)
	h.whose(t, first)
	require.NoError(t, h.sessions.EndAll(t.Context(), id))
	h.requireOver(t, first)
	h.whose(t, stranger)
}

// Another server on the same database notices when what it remembers is old.
func TestSessionEndsElsewhere(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	s := h.member(t, 0)
	other := h.newSessions(nil)
	id, err := other.Authenticate(t.Context(), s.Token)
	require.NoError(t, err)
	require.NoError(t, h.sessions.EndAll(t.Context(), id))
	h.pass(identityAge)
	_, err = other.Authenticate(t.Context(), s.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
}

func TestOldestSessionGoes(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	first := h.member(t, 0)
	u, err := h.store.ByID(t.Context(), first.User.ID)
	require.NoError(t, err)
	h.whose(t, first)
	for range maxSessions {
		h.pass(time.Millisecond)
		_, err := h.auth.StartSession(t.Context(), u, "corp")
		require.NoError(t, err)
	}
	h.requireOver(t, first)
	stored, err := repositories.NewSessions(h.db).ByUser(t.Context(), u.ID, h.now())
	require.NoError(t, err)
	require.Len(t, stored, maxSessions)
}

func TestUseIsNotedNowAndThen(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	s := h.member(t, 0)
	lastUse := func() time.Time {
		list, err := h.sessions.List(t.Context(), h.whose(t, s))
		require.NoError(t, err)
		return list[0].LastUsedAt
	}
	began := lastUse()
	h.pass(50 * time.Second)
	require.Equal(t, began, lastUse())
	h.pass(20 * time.Second)
	require.Greater(t, lastUse().Sub(began), time.Minute)
}

func TestPasswordChangeEndsOtherSessions(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	first := h.member(t, 0)
	second, id := h.signIn(t, 0), h.whose(t, first)
	h.whose(t, second)
	require.NoError(t, h.changePassword(t.Context(), id, "secret1", "secret2"))
	h.requireOver(t, second)
	require.Equal(t, id, h.whose(t, first), "the own one goes on")
	fresh, err := h.refresh(t, first.Token)
	require.NoError(t, err)
	list, err := h.sessions.List(t.Context(), h.whose(t, fresh))
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.NoError(t, h.changePassword(t.Context(), id, "secret2", "secret3"), "once more")
	h.whose(t, first)
}

func (h *house) changePassword(ctx context.Context, by models.Identity, from, to string) error {
	return h.users.ChangePassword(ctx, by, models.PasswordChange{
		CurrentPassword: models.NewSecret(from), NewPassword: models.NewSecret(to),
	})
}

// A login that compared the old password may store its session after all
// others were ended. It is over before it begins.
func TestPasswordChangeRacesLogins(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	owner := h.whose(t, h.member(t, 0))
	var (
		start, done sync.WaitGroup
		mu          sync.Mutex
		begun       []models.Session
	)
	start.Add(1)
	for range 40 {
		done.Go(func() {
			start.Wait()
			if s, err := h.enter(t.Context(), 0); err == nil {
				mu.Lock()
				defer mu.Unlock()
				begun = append(begun, s)
			}
		})
	}
	done.Go(func() {
		start.Wait()
		if err := h.changePassword(t.Context(), owner, "secret1", "secret2"); err != nil {
			t.Error(err)
		}
	})
	start.Done()
	done.Wait()
	t.Logf("%d logins got through before", len(begun))
	for _, s := range begun {
		h.requireOver(t, s)
	}
}

// A session from before the change, stored after it, is the race above at its
// worst.
func TestSessionOfAnOldEpoch(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	owner := h.whose(t, h.member(t, 0))
	before, err := h.store.ByID(t.Context(), owner.UserID)
	require.NoError(t, err)
	require.NoError(t, h.changePassword(t.Context(), owner, "secret1", "secret2"))
	late, err := h.auth.StartSession(t.Context(), before, models.SessionByPassword)
	require.NoError(t, err)
	h.requireOver(t, late)
	_, err = h.sessions.Guard(t.Context(), models.Identity{UserID: owner.UserID, SessionID: "unknown"})
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
}

// slowSessions reads sessions and waits before it hands them out.
type slowSessions struct {
	*repositories.Sessions
	read, goOn chan struct{}
}

func (s slowSessions) ByID(ctx context.Context, id string) (models.StoredSession, error) {
	found, err := s.Sessions.ByID(ctx, id)
	s.read <- struct{}{}
	<-s.goOn
	return found, err
}

func TestWhatIsLookedUpWhenItEndsIsNotRemembered(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	s := h.member(t, 0)
	id := h.whose(t, s)
	slow := slowSessions{repositories.NewSessions(h.db), make(chan struct{}), make(chan struct{})}
	sessions := h.newSessions(nil)
	sessions.store = slow
	looked := make(chan error, 1)
	go func() {
		_, err := sessions.Authenticate(t.Context(), s.Token)
		looked <- err
	}()
	<-slow.read
	require.NoError(t, sessions.End(t.Context(), id.UserID, id.SessionID))
	close(slow.goOn)
	require.NoError(t, <-looked, "it was good when it was read")
	go func() { <-slow.read }()
	_, err := sessions.Authenticate(t.Context(), s.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err), fmt.Sprint(err))
}
