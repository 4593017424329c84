package cluster

import (
	"context"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/kubeorch/core/models"
)

// claimPoll is the time between two attempts at a name that somebody else has.
const claimPoll = 200 * time.Millisecond

// swapTries bounds how often a refresh token is stored anew because the record
// changed at the same moment.
const swapTries = 20

// refreshedTokens keeps the refresh token of one cluster's login by OIDC with
// the cluster's other credentials.
type refreshedTokens struct {
	service *Service
	id      string
	login   models.ClusterCredentials // whose issuer and client the tokens belong to
}

// Lock takes the login among all servers.
func (t refreshedTokens) Lock(ctx context.Context) (unlock func(), err error) {
	if t.service.deps.Claim == nil {
		return func() {}, nil
	}
	err = wait.PollUntilContextCancel(ctx, claimPoll, true, func(ctx context.Context) (bool, error) {
		unlock, err = t.service.deps.Claim(ctx, "oidc:"+t.id)
		return unlock != nil, err
	})
	return unlock, err
}

// Current returns the stored refresh token, or "" when the cluster has another
// login by now: a token must not reach another issuer.
func (t refreshedTokens) Current(ctx context.Context) (string, error) {
	_, cred, err := t.read(ctx)
	return strings.TrimSpace(cred.OIDCRefreshToken), err
}

// Replace stores fresh in place of old. Any other stored token stays, since
// somebody has entered it meanwhile. The version of the credentials does not
// change, so that the connection that calls Replace is kept.
func (t refreshedTokens) Replace(ctx context.Context, old, fresh string) error {
	for range swapTries {
		c, cred, err := t.read(ctx)
		if err != nil || strings.TrimSpace(cred.OIDCRefreshToken) != old {
			return err
		}
		cred.OIDCRefreshToken = fresh
		sealed, err := t.service.seal(c, cred)
		if err != nil {
			return err
		}
		swapped, err := t.service.deps.Store.SwapCredentials(ctx, c.ID, c.Sealed, sealed.Sealed)
		if swapped || err != nil {
			return err
		}
	}
	return &models.Error{Op: "cluster.refreshedTokens.Replace", Kind: models.Conflict, Msg: "the cluster keeps changing"}
}

// read returns empty credentials when they are no longer of this login.
func (t refreshedTokens) read(ctx context.Context) (models.Cluster, models.ClusterCredentials, error) {
	c, err := t.service.deps.Store.ByID(ctx, t.id)
	if err != nil {
		return c, models.ClusterCredentials{}, err
	}
	cred, err := t.service.credentials(c)
	if err != nil || c.AuthType != models.AuthOIDC ||
		cred.OIDCIssuerURL != t.login.OIDCIssuerURL || cred.OIDCClientID != t.login.OIDCClientID {
		return c, models.ClusterCredentials{}, err
	}
	return c, cred, nil
}
