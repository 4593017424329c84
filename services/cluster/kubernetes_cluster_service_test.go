package cluster

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/encryption"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/repositories"
)

const clusterToken = "the-right-token"

// apiServer is as much of an API server as a check of the connection needs.
func apiServer(t *testing.T) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Header.Get("Authorization") != "Bearer "+clusterToken:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","code":401}`)
		case r.URL.Path == "/version":
			_, _ = io.WriteString(w, `{"gitVersion":"v1.99.0","platform":"linux/amd64"}`)
		case strings.HasSuffix(r.URL.Path, "/selfsubjectreviews"):
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","status":{"userInfo":{"username":"ann"}}}`)
		default:
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`)
		}
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL
}

type clusterRig struct {
	*Service
	t     *testing.T
	store *repositories.Clusters
	logs  *repositories.ClusterLogs
	with  Deps
}

func newClusterRig(t *testing.T) *clusterRig {
	t.Helper()
	db := dbtest.Open(t).Database()
	store, shares, log := repositories.NewClusters(db), repositories.NewClusterShares(db), slog.New(slog.DiscardHandler)
	r := &clusterRig{t: t, store: store, logs: repositories.NewClusterLogs(db)}
	r.with = Deps{
		Store: store, Access: NewAccess(AccessDeps{Clusters: store, Shares: shares}), Shares: shares, Log: log, Entries: NewLog(r.logs, log),
		Defaults: repositories.NewClusterDefaults(db), People: repositories.NewUsers(db),
		Workflows: repositories.NewWorkflows(db),
	}
	r.Service = r.withKey("key")
	return r
}

// withKey returns a service over the same store with another encryption key.
func (r *clusterRig) withKey(key string) *Service {
	r.t.Helper()
	box, err := encryption.NewBox(key)
	require.NoError(r.t, err)
	connector := kubernetes.NewConnector(kubernetes.Options{})
	r.t.Cleanup(connector.Close)
	deps := r.with
	deps.Box, deps.Connect = box, connector
	return NewService(deps)
}

func tokenCluster(name, server, token string) models.ClusterInput {
	return models.ClusterInput{
		Name: name, Server: server, AuthType: models.AuthToken,
		Credentials: models.ClusterCredentials{Token: token, Insecure: true},
	}
}

func TestAddTestsAndStoresEitherWay(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	server := apiServer(t)

	good, err := r.Add(t.Context(), ann, tokenCluster(" good ", server, clusterToken))
	require.NoError(t, err)
	require.Equal(t, models.ClusterConnected, good.Status, good.LastError)
	require.Equal(t, "good", good.Name)
	require.Equal(t, "v1.99.0", good.Metadata.Version)
	require.Equal(t, "default", good.Namespace)
	require.True(t, good.Default)
	require.NotNil(t, good.Metadata.Namespaces)

	bad, err := r.Add(t.Context(), ann, tokenCluster("bad", server, "wrong-token"))
	require.NoError(t, err)
	require.Equal(t, models.ClusterError, bad.Status)
	require.Equal(t, "the cluster does not accept the credentials", bad.LastError)
	require.False(t, bad.Default)

	gone, err := r.Add(t.Context(), ann, tokenCluster("gone", "https://127.0.0.1:1", clusterToken))
	require.NoError(t, err)
	require.Equal(t, models.ClusterDisconnected, gone.Status)

	list, err := r.List(t.Context(), ann)
	require.NoError(t, err)
	require.Len(t, list.Clusters, 3)
	require.Equal(t, good.ID, list.Default)
	answer, err := json.Marshal(list)
	require.NoError(t, err)
	require.NotContains(t, string(answer), clusterToken)

	_, err = r.Add(t.Context(), ann, tokenCluster("good", server, clusterToken))
	require.Equal(t, models.Conflict, models.KindOf(err))
}

func TestCredentialsAreStoredSealed(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	c, err := r.Add(t.Context(), ann, tokenCluster("a", "https://127.0.0.1:1", clusterToken))
	require.NoError(t, err)
	stored, err := r.store.ByID(t.Context(), c.ID)
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%+v %s", stored, stored.Sealed), clusterToken)
}

func TestAddRefusesWhatIsWrongInForm(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	exec := `{clusters: [{name: c, cluster: {server: "https://h:1"}}], users: [{name: u, user: {exec: {command: touch}}}],
		contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}`
	for name, tc := range map[string]struct {
		change func(*models.ClusterInput)
		field  string
		text   string
	}{
		"no name":         {func(in *models.ClusterInput) { in.Name = " " }, "name", "is required"},
		"reserved name":   {func(in *models.ClusterInput) { in.Name = "default" }, "name", "reserved"},
		"name is no path": {func(in *models.ClusterInput) { in.Name = "a/b" }, "name", "lower case"},
		"no server":       {func(in *models.ClusterInput) { in.Server = "" }, "server", "is required"},
		"plain http":      {func(in *models.ClusterInput) { in.Server = "http://h" }, "server", "plain http"},
		"no token":        {func(in *models.ClusterInput) { in.Credentials.Token = "" }, "credentials.token", "is required"},
		"unknown type":    {func(in *models.ClusterInput) { in.AuthType = "magic" }, "authType", "must be one of"},
		"garbage CA":      {func(in *models.ClusterInput) { in.Credentials.CAData = "x" }, "credentials.caData", "PEM"},
		"exec kubeconfig": {func(in *models.ClusterInput) {
			in.AuthType, in.Credentials = models.AuthKubeconfig, models.ClusterCredentials{Kubeconfig: exec}
		}, "credentials.kubeconfig", "kubeconfig: users[0].user.exec is not allowed"},
		"namespace": {func(in *models.ClusterInput) { in.Credentials.Namespace = "A B" }, "credentials.namespace", "lower case"},
		"labels": {func(in *models.ClusterInput) {
			in.Labels = map[string]string{}
			for i := range maxClusterLabels + 1 {
				in.Labels[fmt.Sprint("l", i)] = ""
			}
		}, "labels", "more than 64"},
		"long server": {func(in *models.ClusterInput) { in.Server = "https://h/" + strings.Repeat("x", 2000) }, "server", "longer"},
		"label":       {func(in *models.ClusterInput) { in.Labels = map[string]string{"a b": "c"} }, "labels[a b]", "name part"},
	} {
		in := tokenCluster("a", "https://127.0.0.1:1", clusterToken)
		tc.change(&in)
		_, err := r.Add(t.Context(), ann, in)
		require.Equal(t, models.Invalid, models.KindOf(err), name)
		var bad *models.Error
		require.ErrorAs(t, err, &bad)
		require.Len(t, bad.Problems, 1, name)
		require.Equal(t, tc.field, bad.Problems[0].Field, name)
		require.Contains(t, bad.Problems[0].Message, tc.text, name)
	}
	list, err := r.List(t.Context(), ann)
	require.NoError(t, err)
	require.Empty(t, list.Clusters)
}

func TestClusterOfAnotherOwnerIsNotFound(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	_, err := r.Add(t.Context(), ann, tokenCluster("a", "https://127.0.0.1:1", clusterToken))
	require.NoError(t, err)
	for name, call := range map[string]func() error{
		"get":        func() error { _, err := r.Get(t.Context(), bob, "a"); return err },
		"test":       func() error { _, err := r.Test(t.Context(), bob, "a"); return err },
		"status":     func() error { _, err := r.Status(t.Context(), bob, "a"); return err },
		"update":     func() error { _, err := r.Update(t.Context(), bob, "a", models.ClusterPatch{}); return err },
		"delete":     func() error { _, err := r.Delete(t.Context(), bob, "a"); return err },
		"default":    func() error { return r.SetDefault(t.Context(), bob, "a") },
		"connection": func() error { _, err := r.Connection(t.Context(), bob, "a"); return err },
	} {
		require.Equal(t, models.NotFound, models.KindOf(call()), name)
	}
}

func TestRecordThatCannotBeDecryptedHarmsOnlyItself(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	server := apiServer(t)
	lost, err := r.Add(t.Context(), ann, tokenCluster("lost", server, clusterToken))
	require.NoError(t, err)

	other := r.withKey("another key")
	_, err = other.Add(t.Context(), ann, tokenCluster("fine", server, clusterToken))
	require.NoError(t, err)
	_, err = other.Connection(t.Context(), ann, "lost")
	require.Equal(t, models.Unavailable, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "enter them again")
	list, err := other.List(t.Context(), ann)
	require.NoError(t, err)
	require.Len(t, list.Clusters, 2)
	got, err := other.Get(t.Context(), ann, "lost")
	require.NoError(t, err)
	require.Equal(t, models.ClusterError, got.Status)
	require.Contains(t, got.LastError, "cannot be decrypted")

	mended, err := other.Update(t.Context(), ann, "lost", models.ClusterPatch{Credentials: &models.ClusterCredentials{Token: clusterToken, Insecure: true}})
	require.NoError(t, err)
	require.Equal(t, models.ClusterConnected, mended.Status, mended.LastError)
	require.Equal(t, lost.ID, mended.ID)
}

func TestStatusAndTest(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	_, err := r.Add(t.Context(), ann, tokenCluster("a", apiServer(t), clusterToken))
	require.NoError(t, err)
	st, err := r.Status(t.Context(), ann, "a")
	require.NoError(t, err)
	require.True(t, st.IsOnline)
	require.False(t, st.IsStale)
	r.now = func() time.Time { return time.Now().Add(3 * time.Minute) }
	st, err = r.Status(t.Context(), ann, "a")
	require.NoError(t, err)
	require.True(t, st.IsStale)

	res, err := r.Test(t.Context(), ann, "a")
	require.NoError(t, err)
	require.True(t, res.OK(), res.Message)
	st, err = r.Status(t.Context(), ann, "a")
	require.NoError(t, err)
	require.False(t, st.IsStale)
}

func TestConnectionIsSharedUntilTheCredentialsChange(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	c, err := r.Add(t.Context(), ann, tokenCluster("a", apiServer(t), clusterToken))
	require.NoError(t, err)
	first, err := r.Connection(t.Context(), ann, "a")
	require.NoError(t, err)
	again, err := r.ConnectionByID(t.Context(), c.ID)
	require.NoError(t, err)
	require.Same(t, first, again)

	up, err := r.Update(t.Context(), ann, "a", models.ClusterPatch{Credentials: &models.ClusterCredentials{Token: "wrong-token", Insecure: true}})
	require.NoError(t, err)
	require.Equal(t, models.ClusterError, up.Status)
	<-first.Done()

	second, err := r.Connection(t.Context(), ann, "a")
	require.NoError(t, err)
	_, err = r.Delete(t.Context(), ann, "a")
	require.NoError(t, err)
	<-second.Done()
	_, err = r.Connection(t.Context(), ann, "a")
	require.Equal(t, models.NotFound, models.KindOf(err))
}

func TestUpdateMergesCredentials(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	server := apiServer(t)
	in := tokenCluster("a", server, clusterToken)
	in.DisplayName, in.Credentials.Namespace = "A", "apps"
	_, err := r.Add(t.Context(), ann, in)
	require.NoError(t, err)

	empty := ""
	up, err := r.Update(t.Context(), ann, "a", models.ClusterPatch{
		DisplayName: &empty, Credentials: &models.ClusterCredentials{Namespace: "other", Insecure: true},
	})
	require.NoError(t, err)
	require.Equal(t, models.ClusterConnected, up.Status, "the token was kept: %s", up.LastError)
	require.Equal(t, "other", up.Namespace)
	require.Empty(t, up.DisplayName)

	up, err = r.Update(t.Context(), ann, "a", models.ClusterPatch{Credentials: &models.ClusterCredentials{Namespace: "other"}})
	require.NoError(t, err)
	require.False(t, up.Insecure, "a cleared box is a missing key")
	require.Equal(t, models.ClusterError, up.Status, "its certificate is not trusted now")

	typ := models.AuthCertificate
	_, err = r.Update(t.Context(), ann, "a", models.ClusterPatch{AuthType: &typ})
	require.Equal(t, models.Invalid, models.KindOf(err), "the token is of no use to another way to log in")
}
