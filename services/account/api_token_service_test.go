package account

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/servicetest"
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

// endedTokens remembers which tokens were said to have ended.
type endedTokens []string

func (e *endedTokens) EndToken(id string) { *e = append(*e, id) }

// tokenRig is everything about API tokens over one store.
// maxAPITokens is the limit of an account in these tests.
const maxAPITokens = 50

type tokenRig struct {
	*APITokens
	check *APITokenCheck
	store *countedTokens
	clock *servicetest.Clock
	ended *endedTokens
}

func newTokenRig(t *testing.T) *tokenRig {
	t.Helper()
	db := dbtest.Open(t).Database()
	r := &tokenRig{store: &countedTokens{APITokens: repositories.NewAPITokens(db)}, clock: servicetest.NewClock(), ended: &endedTokens{}}
	r.APITokens = NewAPITokens(r.store, repositories.NewUsers(db), r.ended, maxAPITokens, r.clock.Now)
	r.check = NewAPITokenCheck(r.store, slog.New(slog.DiscardHandler), r.clock.Now)
	return r
}

// kind is how Identify fails.
func (r *tokenRig) kind(t *testing.T, token string) models.Kind {
	t.Helper()
	_, _, err := r.check.Identify(t.Context(), token)
	require.Error(t, err)
	return models.KindOf(err)
}

func (s *APITokens) must(t *testing.T, userID, name string, scope models.Scope) models.NewAPIToken {
	t.Helper()
	made, err := s.Create(t.Context(), userID, models.APITokenInput{Name: name, Scope: scope})
	require.NoError(t, err)
	return made
}

func TestAPITokenIsGoodForItsAccount(t *testing.T) {
	t.Parallel()
	s := newTokenRig(t)
	store, clock := s.store, s.clock
	made := s.must(t, ann, "ci", models.ScopeDeploy)
	require.Regexp(t, `^kubeorch_[a-z2-7]{48}$`, made.Token)
	require.True(t, strings.HasPrefix(made.Token, made.APIToken.Prefix))
	require.Len(t, made.APIToken.Prefix, len("kubeorch_")+6)
	require.Equal(t, clock.Now().AddDate(0, 0, 90), made.APIToken.ExpiresAt)

	for range 3 {
		id, expires, err := s.check.Identify(t.Context(), made.Token)
		require.NoError(t, err)
		require.Equal(t, made.APIToken.ExpiresAt, expires)
		require.Equal(t, models.Identity{UserID: ann, Scope: models.ScopeDeploy, TokenID: made.APIToken.ID}, id)
	}
	list, err := s.List(t.Context(), ann)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Empty(t, list[0].Hash)
	require.Equal(t, clock.Now(), *list[0].LastUsedAt)
	clock.Move(30 * time.Second)
	_, _, err = s.check.Identify(t.Context(), made.Token)
	require.NoError(t, err)
	require.EqualValues(t, 1, store.touched.Load(), "once a minute")
	clock.Move(time.Minute)
	_, _, err = s.check.Identify(t.Context(), made.Token)
	require.NoError(t, err)
	require.EqualValues(t, 2, store.touched.Load())
}

func TestAPITokenEnds(t *testing.T) {
	t.Parallel()
	s := newTokenRig(t)
	var all []models.NewAPIToken
	for _, name := range []string{"revoked", "one of all", "another of all"} {
		all = append(all, s.must(t, ann, name, models.ScopeRead))
	}
	other := s.must(t, bob, "ci", models.ScopeRead)
	require.NoError(t, s.Revoke(t.Context(), ann, all[0].APIToken.ID))
	require.Equal(t, endedTokens{all[0].APIToken.ID}, *s.ended)
	require.Equal(t, models.Unauthenticated, s.kind(t, all[0].Token))
	good, err := s.check.Unexpired(t.Context(), []string{all[0].APIToken.ID, all[1].APIToken.ID, other.APIToken.ID})
	require.NoError(t, err)
	require.Equal(t, map[string]bool{all[1].APIToken.ID: true, other.APIToken.ID: true}, good)

	require.NoError(t, s.RevokeAll(t.Context(), ann))
	require.Equal(t, models.Unauthenticated, s.kind(t, all[1].Token))
	require.Equal(t, models.Unauthenticated, s.kind(t, all[2].Token))

	s.clock.Move(90*24*time.Hour - time.Second)
	_, _, err = s.check.Identify(t.Context(), other.Token)
	require.NoError(t, err)
	s.clock.Move(time.Second)
	require.Equal(t, models.Unauthenticated, s.kind(t, other.Token))
	good, err = s.check.Unexpired(t.Context(), []string{other.APIToken.ID})
	require.NoError(t, err)
	require.Empty(t, good)
}

func TestForeignAPITokenIsNotFound(t *testing.T) {
	t.Parallel()
	s := newTokenRig(t)
	made := s.must(t, ann, "ci", models.ScopeRead)
	require.Equal(t, models.NotFound, models.KindOf(s.Revoke(t.Context(), bob, made.APIToken.ID)))
	_, _, err := s.check.Identify(t.Context(), made.Token)
	require.NoError(t, err)
	list, err := s.List(t.Context(), bob)
	require.NoError(t, err)
	require.NotNil(t, list)
	require.Empty(t, list)
	_, err = s.ListOf(t.Context(), ann)
	require.Equal(t, models.NotFound, models.KindOf(err), "there is no such account")
}

func TestAPITokensThatCannotBe(t *testing.T) {
	t.Parallel()
	s := newTokenRig(t)
	store := s.store
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
		_, _, err := s.check.Identify(t.Context(), token)
		require.Equal(t, models.Unauthenticated, models.KindOf(err), name)
		require.NotContains(t, err.Error(), made.Token)
	}
	require.Zero(t, store.looked.Load(), "the checksum spares the look-ups")
	_, _, err := s.check.Identify(t.Context(), newAPIToken())
	require.Equal(t, models.Unauthenticated, models.KindOf(err), "well-formed and unknown")
}

func TestAPITokenInput(t *testing.T) {
	t.Parallel()
	s := newTokenRig(t)
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
	s := newTokenRig(t)
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
