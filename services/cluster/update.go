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
// changes nothing; Status and LastError tell the outcome of the test. A
// SingleNode that is true removes the taints of the control plane, one that
// turns false puts them back, and Notice says what came of it.
func (s *Service) Update(ctx context.Context, owner, name string, p models.ClusterPatch) (models.Cluster, error) {
	g, err := s.deps.Access.Require(ctx, owner, name, models.ClusterManage)
	if err != nil {
		return models.Cluster{}, err
	}
	c, err := s.editLatest(ctx, g.Cluster, p)
	if err != nil {
		return models.Cluster{}, err
	}
	if c.CredentialVersion != g.Cluster.CredentialVersion {
		s.deps.Access.Changed(ctx, c.ID)
	}
	if p.Server != nil || p.AuthType != nil || p.Insecure != nil || p.Credentials != nil {
		if c, err = s.CheckSingleCluster(ctx, c, true); err != nil {
			return models.Cluster{}, err
		}
	}
	s.logUpdate(ctx, c, p)
	view, err := s.ownView(ctx, c)
	if err == nil && p.SingleNode != nil && (*p.SingleNode || g.Cluster.SingleNode) {
		view.Notice = s.singleNode(ctx, c, *p.SingleNode)
	}
	return view, err
}

// logUpdate logs which fields were changed, without their values.
func (s *Service) logUpdate(ctx context.Context, c models.Cluster, p models.ClusterPatch) {
	e := models.ClusterLogEntry{
		ClusterID: c.ID, Action: models.ClusterLogUpdated, Success: true, Message: "the cluster was changed",
		Details: map[string]string{"fields": strings.Join(changedFields(p), ", "), "status": c.Status}, Timestamp: c.UpdatedAt,
	}
	if hasSecrets(p.Credentials) {
		e.Action, e.Message = models.ClusterLogCredentials, "the credentials were changed"
	}
	s.deps.Entries.Add(ctx, e)
}

// changedFields names the fields that p sets.
func changedFields(p models.ClusterPatch) (fields []string) {
	v := reflect.ValueOf(p)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			fields = append(fields, v.Type().Field(i).Tag.Get("json"))
		}
	}
	return fields
}

// hasSecrets reports whether cred holds more than what forms send every time.
func hasSecrets(cred *models.ClusterCredentials) bool {
	if cred == nil {
		return false
	}
	typed := *cred
	typed.Namespace, typed.Insecure = "", false
	return !reflect.ValueOf(typed).IsZero()
}

// editLatest is edit, repeated when only the sealed form of the credentials has
// changed meanwhile.
func (s *Service) editLatest(ctx context.Context, old models.Cluster, p models.ClusterPatch) (models.Cluster, error) {
	c, err := s.edit(ctx, old, p)
	for range swapTries {
		if models.KindOf(err) != models.Conflict {
			break
		}
		now, gone := s.deps.Store.ByID(ctx, old.ID)
		if gone != nil || !resealedOnly(old, now) {
			break // somebody else edited it
		}
		old = now
		c, err = s.edit(ctx, old, p)
	}
	return c, err
}

// edit stores old with the changes of p.
func (s *Service) edit(ctx context.Context, old models.Cluster, p models.ClusterPatch) (models.Cluster, error) {
	c := patched(old, p)
	cred, err := s.merged(old, c, p.Credentials)
	if err != nil {
		return models.Cluster{}, err
	}
	problems := checkCluster(c)
	server, err := s.deps.Connect.Endpoint(configOf(c, cred))
	problems = append(problems, configProblems(err, true)...)
	if err := problems.Err("cluster.Service.Update"); err != nil {
		return models.Cluster{}, err
	}
	c.Server = server
	if c, err = s.resealed(old, c, cred); err != nil {
		return models.Cluster{}, err
	}
	return s.deps.Store.Replace(ctx, old, c, s.now().UTC())
}

// resealedOnly reports whether old and now differ in the sealed credentials
// alone: an issuer gave another refresh token, or the encryption key was rotated.
func resealedOnly(old, now models.Cluster) bool {
	return old.CredentialVersion == now.CredentialVersion && old.UpdatedAt.Equal(now.UpdatedAt) && !bytes.Equal(old.Sealed, now.Sealed)
}

// resealed seals cred for c. Credentials that are stored already stay as they
// are, since sealing gives another text each time. Those under an older key are
// sealed again: storing the old text could undo a rotation of the key.
func (s *Service) resealed(old, c models.Cluster, cred models.ClusterCredentials) (models.Cluster, error) {
	stored, err := s.credentials(old)
	// These two are fields of the cluster itself, which are what counts.
	stored.Namespace, stored.Insecure = cred.Namespace, cred.Insecure
	if err == nil && reflect.DeepEqual(stored, cred) && s.deps.Box.Current(old.Sealed) {
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

// merged lays typed credentials over the stored ones. Stored ones of another way
// to log in are dropped, and so are those that cannot be decrypted if new ones
// are typed.
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
