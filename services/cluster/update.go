package cluster

import (
	"bytes"
	"context"
	"reflect"
	"strings"

	"github.com/kubeorch/core/models"
)

// Update changes what p mentions and tests the cluster again when its server
// or credentials may have changed. Input that is wrong in form is Invalid and
// changes nothing; a test that fails is told by the Status.
func (s *Service) Update(ctx context.Context, owner, name string, p models.ClusterPatch) (models.Cluster, error) {
	g, err := s.users.Access.Require(ctx, owner, name, models.ClusterManage)
	if err != nil {
		return models.Cluster{}, err
	}
	old := g.Cluster
	c, err := s.edit(ctx, old, p)
	for range swapTries {
		if models.KindOf(err) != models.Conflict {
			break
		}
		now, gone := s.store.ByID(ctx, old.ID)
		if gone != nil || !resealedOnly(old, now) {
			break // somebody else edited it
		}
		old = now
		c, err = s.edit(ctx, old, p)
	}
	if err != nil {
		return models.Cluster{}, err
	}
	if p.Server == nil && p.AuthType == nil && p.Insecure == nil && p.Credentials == nil {
		return s.ownView(ctx, c)
	}
	if c, err = s.CheckSingleCluster(ctx, c, true); err != nil {
		return models.Cluster{}, err
	}
	return s.ownView(ctx, c)
}

// edit stores old with the changes of p.
func (s *Service) edit(ctx context.Context, old models.Cluster, p models.ClusterPatch) (models.Cluster, error) {
	c := patched(old, p)
	cred, err := s.merged(old, c, p.Credentials)
	if err != nil {
		return models.Cluster{}, err
	}
	problems := checkCluster(c)
	server, err := s.connect.Endpoint(configOf(c, cred))
	problems = append(problems, configProblems(err, true)...)
	if err := problems.Err("cluster.Service.Update"); err != nil {
		return models.Cluster{}, err
	}
	c.Server = server
	if c, err = s.resealed(old, c, cred); err != nil {
		return models.Cluster{}, err
	}
	return s.store.Replace(ctx, old, c, s.now().UTC())
}

// resealedOnly reports whether no person made now out of old: an issuer gave
// another refresh token, or the encryption key was rotated.
func resealedOnly(old, now models.Cluster) bool {
	return old.CredentialVersion == now.CredentialVersion && old.UpdatedAt.Equal(now.UpdatedAt) && !bytes.Equal(old.Sealed, now.Sealed)
}

// resealed seals cred for c. Credentials that are stored already stay as they
// are: sealed again they would look like others. Those under an older key are
// sealed again all the same, for a rotation of the key may have passed by since
// old was read, and what it did would be undone.
func (s *Service) resealed(old, c models.Cluster, cred models.ClusterCredentials) (models.Cluster, error) {
	stored, err := s.credentials(old)
	// These two are fields of the cluster itself, which are what counts.
	stored.Namespace, stored.Insecure = cred.Namespace, cred.Insecure
	if err == nil && reflect.DeepEqual(stored, cred) && s.box.Current(old.Sealed) {
		return c, nil
	}
	return s.seal(c, cred)
}

func patched(c models.Cluster, p models.ClusterPatch) models.Cluster {
	if p.DisplayName != nil {
		c.DisplayName = *p.DisplayName
	}
	if p.Description != nil {
		c.Description = *p.Description
	}
	if p.Server != nil {
		c.Server = strings.TrimSpace(*p.Server)
	}
	if p.AuthType != nil {
		c.AuthType = authType(*p.AuthType)
	}
	if p.SingleNode != nil {
		c.SingleNode = *p.SingleNode
	}
	if p.Labels != nil {
		c.Labels = *p.Labels
	}
	if p.Credentials != nil {
		c.Namespace = namespaceOr(p.Credentials.Namespace, c.Namespace)
		c.Insecure = p.Credentials.Insecure
	}
	if p.Insecure != nil {
		c.Insecure = *p.Insecure
	}
	return c
}

// merged lays typed credentials over the stored ones. Those of another way to
// log in are dropped. Stored ones that cannot be decrypted do not keep people
// from entering new ones.
func (s *Service) merged(old, c models.Cluster, typed *models.ClusterCredentials) (models.ClusterCredentials, error) {
	cred, err := s.credentials(old)
	if err != nil && typed == nil {
		return cred, err
	}
	if old.AuthType != c.AuthType {
		cred = models.ClusterCredentials{CAData: cred.CAData}
	}
	if typed != nil {
		mergeCredentials(&cred, *typed)
	}
	cred.Namespace, cred.Insecure = c.Namespace, c.Insecure
	return cred, nil
}

// mergeCredentials replaces the fields of cred that are set in typed.
func mergeCredentials(cred *models.ClusterCredentials, typed models.ClusterCredentials) {
	for _, f := range []struct {
		to   *string
		from string
	}{
		{&cred.Token, typed.Token},
		{&cred.CAData, typed.CAData},
		{&cred.ClientCertData, typed.ClientCertData},
		{&cred.ClientKeyData, typed.ClientKeyData},
		{&cred.Kubeconfig, typed.Kubeconfig},
		{&cred.Context, typed.Context},
		{&cred.OIDCIssuerURL, typed.OIDCIssuerURL},
		{&cred.OIDCClientID, typed.OIDCClientID},
		{&cred.OIDCClientSecret, typed.OIDCClientSecret},
		{&cred.OIDCRefreshToken, typed.OIDCRefreshToken},
	} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if typed.Kubeconfig != "" {
		cred.Context = typed.Context // the old file's means nothing in the new one
	}
	if len(typed.OIDCScopes) > 0 {
		cred.OIDCScopes = typed.OIDCScopes
	}
}
