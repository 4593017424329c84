package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func oidcCluster(t *testing.T, r *clusterRig) refreshedTokens {
	t.Helper()
	login := models.ClusterCredentials{
		OIDCIssuerURL: "https://127.0.0.1:1", OIDCClientID: "id", OIDCClientSecret: "client-secret", OIDCRefreshToken: " rt-0\n",
	}
	_, err := r.Add(t.Context(), ann, models.ClusterInput{
		Name: "a", Server: "https://127.0.0.1:1", AuthType: models.AuthOIDC, Credentials: login,
	})
	require.NoError(t, err)
	c, _ := r.stored(t)
	return refreshedTokens{r.Service, c.ID, login}
}

func requireCurrent(t *testing.T, tokens refreshedTokens, want string) {
	t.Helper()
	current, err := tokens.Current(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, current)
}

func TestRefreshTokenIsReplacedInPlace(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	tokens := oidcCluster(t, r)
	before, _ := r.stored(t)
	conn, err := r.Connection(t.Context(), ann, "a")
	require.NoError(t, err)

	requireCurrent(t, tokens, "rt-0")
	require.NoError(t, tokens.Replace(t.Context(), "rt-0", "rt-1"))
	requireCurrent(t, tokens, "rt-1")
	require.NoError(t, tokens.Replace(t.Context(), "rt-0", "rt-of-a-loser"))
	requireCurrent(t, tokens, "rt-1")

	after, cred := r.stored(t)
	require.Equal(t, "client-secret", cred.OIDCClientSecret)
	require.NotContains(t, string(after.Sealed), "rt-1")
	before.Sealed = after.Sealed
	require.Equal(t, before, after, "nothing else changes")
	same, err := r.Connection(t.Context(), ann, "a")
	require.NoError(t, err)
	require.Same(t, conn, same)
}

func TestLoginIsLockedByItsName(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	tokens := oidcCluster(t, r)
	unlock, err := tokens.Lock(t.Context())
	require.NoError(t, err)
	unlock() // nobody to lock out

	var taken atomic.Pointer[string]
	tries := 0
	r.deps.Claim = func(ctx context.Context, name string) (func(), error) {
		if tries++; tries > 3 {
			return nil, errors.New("the database is away")
		}
		if !taken.CompareAndSwap(nil, &name) {
			return nil, nil
		}
		return func() { taken.Store(nil) }, ctx.Err()
	}
	unlock, err = tokens.Lock(t.Context())
	require.NoError(t, err)
	require.Equal(t, "oidc:"+tokens.id, *taken.Load())
	short, cancel := context.WithTimeout(t.Context(), claimPoll/2)
	defer cancel()
	_, err = tokens.Lock(short)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	unlock()
	unlock, err = tokens.Lock(t.Context())
	require.NoError(t, err)
	unlock()
	_, err = tokens.Lock(t.Context())
	require.ErrorContains(t, err, "the database is away")
}

func TestWhatAPersonEntersWins(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	tokens := oidcCluster(t, r)
	_, err := r.Update(t.Context(), ann, "a", models.ClusterPatch{Credentials: &models.ClusterCredentials{OIDCRefreshToken: "rt-typed"}})
	require.NoError(t, err)
	require.NoError(t, tokens.Replace(t.Context(), "rt-0", "rt-1"))
	requireCurrent(t, tokens, "rt-typed")

	_, err = r.Update(t.Context(), ann, "a", models.ClusterPatch{
		Credentials: &models.ClusterCredentials{OIDCIssuerURL: "https://127.0.0.1:2", OIDCRefreshToken: "rt-of-another-issuer"},
	})
	require.NoError(t, err)
	requireCurrent(t, tokens, "")
	require.NoError(t, tokens.Replace(t.Context(), "rt-of-another-issuer", "rt-1"))
	_, cred := r.stored(t)
	require.Equal(t, "rt-of-another-issuer", cred.OIDCRefreshToken)

	_, err = r.Delete(t.Context(), ann, "a")
	require.NoError(t, err)
	_, err = tokens.Current(t.Context())
	require.Equal(t, models.NotFound, models.KindOf(err))
}

// An issuer gives one token after the other while somebody edits: neither
// loses anything.
func TestEditsAndRefreshesAtOnce(t *testing.T) {
	t.Parallel()
	const count = 20
	r := newClusterRig(t)
	tokens := oidcCluster(t, r)
	var both sync.WaitGroup
	both.Go(func() {
		for i := range count {
			if err := tokens.Replace(t.Context(), fmt.Sprint("rt-", i), fmt.Sprint("rt-", i+1)); err != nil {
				t.Error(err)
			}
		}
	})
	both.Go(func() {
		for i := range count {
			text := fmt.Sprint("edit ", i)
			if _, err := r.Update(t.Context(), ann, "a", models.ClusterPatch{Description: &text}); err != nil {
				t.Error(err)
			}
		}
	})
	both.Wait()
	requireCurrent(t, tokens, fmt.Sprint("rt-", count))
	c, _ := r.stored(t)
	require.Equal(t, fmt.Sprint("edit ", count-1), c.Description)
	require.EqualValues(t, 1, c.CredentialVersion)
}
