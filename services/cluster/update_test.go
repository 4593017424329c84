package cluster

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestUpdateOfADescriptionKeepsTheConnection(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	_, err := r.Add(t.Context(), ann, tokenCluster("a", apiServer(t), clusterToken))
	require.NoError(t, err)
	before, err := r.Connection(t.Context(), ann, "a")
	require.NoError(t, err)

	text, labels := "the shop's", map[string]string{"tier": "prod"}
	_, err = r.Update(t.Context(), ann, "a", models.ClusterPatch{Description: &text, DisplayName: &text, Labels: &labels})
	require.NoError(t, err)
	after, err := r.Connection(t.Context(), ann, "a")
	require.NoError(t, err)
	require.Same(t, before, after)

	_, err = r.Update(t.Context(), ann, "a", models.ClusterPatch{
		Credentials: &models.ClusterCredentials{Token: "another-token", Insecure: true},
	})
	require.NoError(t, err)
	replaced, err := r.Connection(t.Context(), ann, "a")
	require.NoError(t, err)
	require.NotSame(t, before, replaced)
}

// cluster returns what is stored of the cluster a, with its credentials.
func (r *clusterRig) stored(t *testing.T) (models.Cluster, models.ClusterCredentials) {
	t.Helper()
	c, err := r.store.ByName(t.Context(), ann, "a")
	require.NoError(t, err)
	cred, err := r.credentials(c)
	require.NoError(t, err)
	return c, cred
}

const twoContexts = `{current-context: one, clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: {token: abc}}],
	contexts: [{name: one, context: {cluster: c, user: u}}, {name: two, context: {cluster: c, user: u}}]}`

// Nothing listens at the clusters of this test: an edit needs no answer.
func TestUpdateWhileTheClusterIsAway(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	yes := true
	token := models.ClusterCredentials{Token: "old-token", Namespace: "apps", Insecure: true}
	file := models.ClusterCredentials{Kubeconfig: twoContexts, Context: "two"}
	login := models.ClusterCredentials{
		OIDCIssuerURL: "https://127.0.0.1:1", OIDCClientID: "id", OIDCClientSecret: "client-secret", OIDCRefreshToken: "rt-1",
	}
	for name, tc := range map[string]struct {
		authType string
		before   models.ClusterCredentials
		patch    models.ClusterPatch
		want     func(c models.Cluster, cred models.ClusterCredentials) bool
		same     bool // the connection stays
	}{
		"nothing": {models.AuthToken, token, models.ClusterPatch{}, func(c models.Cluster, cred models.ClusterCredentials) bool {
			return cred.Token == "old-token" && c.Namespace == "apps" && c.Insecure && c.DisplayName == "A"
		}, true},
		"a form without changes": {models.AuthToken, token, models.ClusterPatch{
			DisplayName: text("A"), Server: text("https://127.0.0.1:1"), AuthType: text("bearer"),
			Credentials: &models.ClusterCredentials{Namespace: "apps", Insecure: true},
		}, func(c models.Cluster, cred models.ClusterCredentials) bool {
			return cred.Token == "old-token" && c.Insecure
		}, true},
		"names are cleared": {models.AuthToken, token, models.ClusterPatch{DisplayName: text(""), Description: text("")},
			func(c models.Cluster, _ models.ClusterCredentials) bool {
				return c.DisplayName == "" && c.Description == ""
			}, true},
		"namespace alone": {models.AuthToken, token, models.ClusterPatch{Credentials: &models.ClusterCredentials{Namespace: "other", Insecure: true}},
			func(c models.Cluster, cred models.ClusterCredentials) bool {
				return c.Namespace == "other" && cred.Token == "old-token"
			}, true},
		"a cleared box is a missing key": {models.AuthToken, token, models.ClusterPatch{Credentials: &models.ClusterCredentials{Namespace: "apps"}},
			func(c models.Cluster, cred models.ClusterCredentials) bool {
				return !c.Insecure && cred.Token == "old-token"
			}, false},
		"no credentials leave the box": {models.AuthToken, token, models.ClusterPatch{Description: text("d")},
			func(c models.Cluster, _ models.ClusterCredentials) bool { return c.Insecure && c.Description == "d" }, true},
		"insecure beside the credentials": {models.AuthToken, token, models.ClusterPatch{Insecure: &yes, Credentials: &models.ClusterCredentials{}},
			func(c models.Cluster, _ models.ClusterCredentials) bool { return c.Insecure }, true},
		"a new token": {models.AuthToken, token, models.ClusterPatch{Credentials: &models.ClusterCredentials{Token: "new-token", Insecure: true}},
			func(c models.Cluster, cred models.ClusterCredentials) bool {
				return cred.Token == "new-token" && c.Namespace == "apps"
			}, false},
		"another server": {models.AuthToken, token, models.ClusterPatch{Server: text("https://127.0.0.1:2/")},
			func(c models.Cluster, cred models.ClusterCredentials) bool {
				return c.Server == "https://127.0.0.1:2" && cred.Token == "old-token"
			}, false},
		"another way drops the old secrets": {models.AuthToken, token, models.ClusterPatch{
			AuthType: text("kubeconfig"), Credentials: &models.ClusterCredentials{Kubeconfig: twoContexts},
		}, func(c models.Cluster, cred models.ClusterCredentials) bool {
			return cred.Token == "" && cred.Kubeconfig != ""
		}, false},
		"a new kubeconfig has contexts of its own": {models.AuthKubeconfig, file, models.ClusterPatch{
			Credentials: &models.ClusterCredentials{Kubeconfig: strings.ReplaceAll(twoContexts, "name: two", "name: three")},
		}, func(_ models.Cluster, cred models.ClusterCredentials) bool { return cred.Context == "" }, false},
		"a refresh token alone": {models.AuthOIDC, login, models.ClusterPatch{Credentials: &models.ClusterCredentials{OIDCRefreshToken: "rt-2"}},
			func(_ models.Cluster, cred models.ClusterCredentials) bool {
				return cred.OIDCRefreshToken == "rt-2" && cred.OIDCClientSecret == "client-secret" && cred.OIDCIssuerURL != ""
			}, false},
		"OIDC in place of a token": {models.AuthToken, token, models.ClusterPatch{AuthType: text("oidc"), Credentials: &login},
			func(_ models.Cluster, cred models.ClusterCredentials) bool {
				return cred.Token == "" && cred.OIDCRefreshToken == "rt-1"
			}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newClusterRig(t)
			_, err := r.Add(t.Context(), ann, models.ClusterInput{
				Name: "a", DisplayName: "A", Description: "old", Server: "https://127.0.0.1:1", AuthType: tc.authType, Credentials: tc.before,
			})
			require.NoError(t, err)
			before, _ := r.stored(t)
			_, err = r.Update(t.Context(), ann, "a", tc.patch)
			require.NoError(t, err)
			c, cred := r.stored(t)
			require.True(t, tc.want(c, cred), "%+v", c)
			require.Equal(t, tc.same, before.CredentialVersion == c.CredentialVersion)
		})
	}
}

func TestUpdateOfAnotherWayNeedsItsSecrets(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	_, err := r.Add(t.Context(), ann, tokenCluster("a", "https://127.0.0.1:1", clusterToken))
	require.NoError(t, err)
	for typ, field := range map[string]string{
		"certificate": "credentials.clientCertData", "kubeconfig": "credentials.kubeconfig", "oidc": "credentials.oidcIssuerUrl",
		"serviceaccount": "credentials.token", "magic": "authType",
	} {
		_, err := r.Update(t.Context(), ann, "a", models.ClusterPatch{AuthType: &typ})
		var bad *models.Error
		require.ErrorAs(t, err, &bad, typ)
		require.Equal(t, models.Invalid, bad.Kind, typ)
		require.Equal(t, field, bad.Problems[0].Field, typ)
		require.NotContains(t, err.Error(), clusterToken)
	}
	c, cred := r.stored(t)
	require.Equal(t, clusterToken, cred.Token, "what is refused changes nothing")
	require.EqualValues(t, 1, c.CredentialVersion)
}
