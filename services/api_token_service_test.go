package services

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

// countedTokens counts what reaches the store.
type countedTokens struct {
	*repositories.APITokens
	looked, touched atomic.Int32
}

func (c *countedTokens) ByHash(ctx context.Context, hash string) (models.APIToken, error) {
	c.looked.Add(1)
	return c.APITokens.ByHash(ctx, hash)
}

func (c *countedTokens) Touch(ctx context.Context, id string, at time.Time) error {
	c.touched.Add(1)
	return c.APITokens.Touch(ctx, id, at)
}

// setClock is a clock that tests move.
type setClock struct{ at atomic.Pointer[time.Time] }

func newSetClock() *setClock {
	c := &setClock{}
	at := timestamp()
	c.at.Store(&at)
	return c
}

func (c *setClock) now() time.Time { return *c.at.Load() }

func (c *setClock) move(d time.Duration) {
	at := c.now().Add(d)
	c.at.Store(&at)
}

func apiTokenRig(t *testing.T) (*APITokens, *countedTokens, *setClock) {
	t.Helper()
	store := &countedTokens{APITokens: repositories.NewAPITokens(dbtest.Open(t).Database())}
	clock := newSetClock()
	return NewAPITokens(store, slog.New(slog.DiscardHandler), clock.now), store, clock
}

func (s *APITokens) must(t *testing.T, userID, name string, scope models.Scope) models.NewAPIToken {
	t.Helper()
	made, err := s.Create(t.Context(), userID, models.APITokenInput{Name: name, Scope: scope})
	require.NoError(t, err)
	return made
}

func TestAPITokenIsGoodForItsAccount(t *testing.T) {
	t.Parallel()
	s, store, clock := apiTokenRig(t)
	made := s.must(t, ann, "ci", models.ScopeDeploy)
	require.Regexp(t, regexp.MustCompile(`^kubeorch_[a-z2-7]{48}$`), made.Token)
	require.True(t, strings.HasPrefix(made.Token, made.APIToken.Prefix))
	require.Len(t, made.APIToken.Prefix, len("kubeorch_")+6)
	require.Equal(t, clock.now().AddDate(0, 0, 90), made.APIToken.ExpiresAt)

	for range 3 {
		id, err := s.Identify(t.Context(), made.Token)
		require.NoError(t, err)
		require.Equal(t, models.Identity{UserID: ann, Scope: models.ScopeDeploy, TokenID: made.APIToken.ID}, id)
	}
	require.EqualValues(t, 1, store.looked.Load(), "a page full of requests looks once")

	list, err := s.List(t.Context(), ann)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Empty(t, list[0].Hash)
	require.Equal(t, clock.now(), *list[0].LastUsedAt)
	clock.move(30 * time.Second)
	_, err = s.Identify(t.Context(), made.Token)
	require.NoError(t, err)
	require.EqualValues(t, 1, store.touched.Load(), "once a minute")
	clock.move(time.Minute)
	_, err = s.Identify(t.Context(), made.Token)
	require.NoError(t, err)
	require.EqualValues(t, 2, store.touched.Load())
}

func TestAPITokenEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*APITokens, *setClock, models.APIToken) error{
		"revoked":     func(s *APITokens, _ *setClock, a models.APIToken) error { return s.Revoke(t.Context(), ann, a.ID) },
		"all revoked": func(s *APITokens, _ *setClock, _ models.APIToken) error { return s.RevokeAll(t.Context(), ann) },
		"expired": func(_ *APITokens, c *setClock, _ models.APIToken) error {
			c.move(90*24*time.Hour - time.Second) // still good, and known
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, clock := apiTokenRig(t)
			made, other := s.must(t, ann, "ci", models.ScopeRead), s.must(t, bob, "ci", models.ScopeRead)
			require.NoError(t, end(s, clock, made.APIToken))
			if name == "expired" {
				_, err := s.Identify(t.Context(), made.Token)
				require.NoError(t, err)
				clock.move(time.Second)
			} else {
				_, err := s.Identify(t.Context(), other.Token)
				require.NoError(t, err, "of somebody else")
			}
			_, err := s.Identify(t.Context(), made.Token)
			require.Equal(t, models.Unauthenticated, models.KindOf(err))
		})
	}
}

// A revocation counts at once for a token that was used a moment ago, also for
// a look-up that began before it.
func TestRevokedAPITokenIsForgotten(t *testing.T) {
	t.Parallel()
	s, _, clock := apiTokenRig(t)
	made := s.must(t, ann, "ci", models.ScopeRead)
	_, err := s.Identify(t.Context(), made.Token)
	require.NoError(t, err)
	hash, err := hashAPIToken(made.Token)
	require.NoError(t, err)
	read, ok, turn := s.known.get(hash, clock.now())
	require.True(t, ok)
	require.NoError(t, s.Revoke(t.Context(), ann, made.APIToken.ID))
	s.known.put(read, clock.now(), turn)
	_, err = s.Identify(t.Context(), made.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
}

func TestForeignAPITokenIsNotFound(t *testing.T) {
	t.Parallel()
	s, _, _ := apiTokenRig(t)
	made := s.must(t, ann, "ci", models.ScopeRead)
	require.Equal(t, models.NotFound, models.KindOf(s.Revoke(t.Context(), bob, made.APIToken.ID)))
	_, err := s.Identify(t.Context(), made.Token)
	require.NoError(t, err)
	list, err := s.List(t.Context(), bob)
	require.NoError(t, err)
	require.NotNil(t, list)
	require.Empty(t, list)
}

func TestAPITokensThatCannotBe(t *testing.T) {
	t.Parallel()
	s, store, _ := apiTokenRig(t)
	made := s.must(t, ann, "ci", models.ScopeRead)
	last := made.Token[len(made.Token)-1:]
	swapped := "a"
	if last == swapped {
		swapped = "b"
	}
	for name, token := range map[string]string{
		"empty": "", "prefix alone": "kubeorch_", "another letter": made.Token[:len(made.Token)-1] + swapped,
		"cut": made.Token[:50], "longer": made.Token + "aaaaaaaa", "upper case": strings.ToUpper(made.Token),
		"without prefix": strings.TrimPrefix(made.Token, models.APITokenPrefix), "line break": made.Token + "\n",
		"its hash": models.APITokenPrefix + made.APIToken.Hash, "100 KB": models.APITokenPrefix + strings.Repeat("a", 100_000),
	} {
		_, err := s.Identify(t.Context(), token)
		require.Equal(t, models.Unauthenticated, models.KindOf(err), name)
		require.NotContains(t, err.Error(), made.Token)
	}
	require.Zero(t, store.looked.Load(), "the checksum spares the look-ups")
	_, err := s.Identify(t.Context(), newAPIToken())
	require.Equal(t, models.Unauthenticated, models.KindOf(err), "well-formed and unknown")
}

func TestAPITokenInput(t *testing.T) {
	t.Parallel()
	s, _, _ := apiTokenRig(t)
	s.must(t, ann, "taken", models.ScopeRead)
	days := func(n int) *int { return &n }
	for name, tc := range map[string]struct {
		in   models.APITokenInput
		kind models.Kind
		want string
	}{
		"no name":        {models.APITokenInput{Scope: models.ScopeRead}, models.Invalid, "name"},
		"a long name":    {models.APITokenInput{Name: strings.Repeat("a", 101), Scope: models.ScopeRead}, models.Invalid, "name"},
		"no scope":       {models.APITokenInput{Name: "x"}, models.Invalid, "scope"},
		"a made scope":   {models.APITokenInput{Name: "x", Scope: "root"}, models.Invalid, "scope"},
		"session scope":  {models.APITokenInput{Name: "x", Scope: models.ScopeSession}, models.Invalid, "scope"},
		"no days":        {models.APITokenInput{Name: "x", Scope: models.ScopeRead, ExpiresInDays: days(0)}, models.Invalid, "expiresInDays"},
		"for ever":       {models.APITokenInput{Name: "x", Scope: models.ScopeRead, ExpiresInDays: days(366)}, models.Invalid, "expiresInDays"},
		"a name taken":   {models.APITokenInput{Name: " taken ", Scope: models.ScopeRead}, models.Conflict, "name"},
		"all at once":    {models.APITokenInput{ExpiresInDays: days(-1)}, models.Invalid, "name: is required; field scope"},
		"a year is fine": {models.APITokenInput{Name: "x", Scope: models.ScopeAdmin, ExpiresInDays: days(365)}, models.Internal, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Create(t.Context(), ann, tc.in)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, tc.kind, models.KindOf(err))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestAPITokensAreBounded(t *testing.T) {
	t.Parallel()
	s, _, _ := apiTokenRig(t)
	for i := range maxAPITokens - 3 {
		s.must(t, ann, fmt.Sprint(i), models.ScopeRead)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			_, err := s.Create(t.Context(), ann, models.APITokenInput{Name: fmt.Sprint("more", i), Scope: models.ScopeRead})
			if err != nil && models.KindOf(err) != models.Conflict {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := s.List(t.Context(), ann)
	require.NoError(t, err)
	require.LessOrEqual(t, len(list), maxAPITokens)
	s.must(t, bob, "first", models.ScopeRead)
}
