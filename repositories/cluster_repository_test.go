package repositories_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func openClusters(t *testing.T) *repositories.Clusters {
	t.Helper()
	return repositories.NewClusters(dbtest.Open(t).Database())
}

func cluster(owner, name string, age time.Duration) models.Cluster {
	return models.Cluster{
		ID: models.NewID(), OwnerID: owner, Name: name, Server: "https://h:1", AuthType: models.AuthToken,
		Status: models.ClusterUnknown, Namespace: "default", Labels: map[string]string{"a": "b"},
		Metadata:  models.ClusterMetadata{StorageClasses: []string{}, Namespaces: []string{"x"}, Capabilities: []string{}},
		CreatedAt: now().Add(-age), UpdatedAt: now(), Sealed: []byte{1, 2}, CredentialVersion: 1,
	}
}

func TestClusterComesBackAsItWasStored(t *testing.T) {
	t.Parallel()
	store := openClusters(t)
	stored, err := store.Insert(t.Context(), cluster("ann", "prod", 0))
	require.NoError(t, err)
	for name, read := range map[string]func() (models.Cluster, error){
		"by name": func() (models.Cluster, error) { return store.ByName(t.Context(), "ann", "prod") },
		"by id":   func() (models.Cluster, error) { return store.ByID(t.Context(), stored.ID) },
		"by ids": func() (models.Cluster, error) {
			found, err := store.ByIDs(t.Context(), []string{stored.ID, models.NewID()}, models.Found[models.Cluster]{})
			require.NoError(t, err)
			list, err := found.All()
			require.Len(t, list, 1)
			require.Empty(t, list[0].Sealed)
			list[0].Sealed = stored.Sealed
			return list[0], err
		},
	} {
		got, err := read()
		require.NoError(t, err, name)
		require.Equal(t, stored, got, name)
	}
}

func TestClusterOfSomebodyElseIsNotFound(t *testing.T) {
	t.Parallel()
	store := openClusters(t)
	_, err := store.Insert(t.Context(), cluster("ann", "prod", 0))
	require.NoError(t, err)
	_, err = store.ByName(t.Context(), "bob", "prod")
	require.Equal(t, models.NotFound, kindOf(t, err))
	list, err := store.List(t.Context(), "bob")
	require.NoError(t, err)
	require.Equal(t, []models.Cluster{}, list)
}

func TestClusterNamesAreUniquePerOwner(t *testing.T) {
	t.Parallel()
	store := openClusters(t)
	for _, owner := range []string{"ann", "bob"} {
		_, err := store.Insert(t.Context(), cluster(owner, "prod", 0))
		require.NoError(t, err)
	}
	_, err := store.Insert(t.Context(), cluster("ann", "prod", 0))
	require.Equal(t, models.Conflict, kindOf(t, err))
	require.Equal(t, "a cluster named prod already exists", models.MessageOf(err))
}

func TestClustersAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	store := openClusters(t)
	for i, age := range []time.Duration{time.Hour, 3 * time.Hour, 2 * time.Hour} {
		_, err := store.Insert(t.Context(), cluster("ann", fmt.Sprint("c", i), age))
		require.NoError(t, err)
	}
	list, err := store.List(t.Context(), "ann")
	require.NoError(t, err)
	require.Equal(t, []string{"c0", "c2", "c1"}, []string{list[0].Name, list[1].Name, list[2].Name})
}

func TestClustersChangeHands(t *testing.T) {
	t.Parallel()
	store := openClusters(t)
	var ids []string
	for _, name := range []string{"prod", "test"} {
		c, err := store.Insert(t.Context(), cluster("ann", name, 0))
		require.NoError(t, err)
		ids = append(ids, c.ID)
	}
	_, err := store.Insert(t.Context(), cluster("bob", "test", 0))
	require.NoError(t, err)
	require.NoError(t, store.TransferOwner(t.Context(), "ann", ids[0], "bob"))
	require.Equal(t, models.NotFound, kindOf(t, store.TransferOwner(t.Context(), "ann", ids[0], "bob")), "not ann's any more")
	require.Equal(t, models.Conflict, kindOf(t, store.TransferOwner(t.Context(), "ann", ids[1], "bob")))

	gone, err := store.DeleteByUser(t.Context(), "bob")
	require.NoError(t, err)
	require.Len(t, gone, 2)
	require.Contains(t, gone, ids[0])
	left, err := store.All(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, ids[1], left[0].ID)
}

func TestHealthIsOfTheNewestCheckAndCredentials(t *testing.T) {
	t.Parallel()
	store := openClusters(t)
	c, err := store.Insert(t.Context(), cluster("ann", "prod", 0))
	require.NoError(t, err)
	at := now()
	set := func(status string, at time.Time, version int64, m *models.ClusterMetadata) models.Cluster {
		t.Helper()
		_, _, err := store.SetHealth(t.Context(), c.ID, models.ClusterHealth{Status: status, At: at, CredentialVersion: version, Metadata: m})
		require.NoError(t, err)
		got, err := store.ByID(t.Context(), c.ID)
		require.NoError(t, err)
		return got
	}
	got := set(models.ClusterConnected, at, 1, &models.ClusterMetadata{Version: "v1.37.2"})
	require.Equal(t, models.ClusterConnected, got.Status)
	require.Equal(t, "v1.37.2", got.Metadata.Version)
	got = set(models.ClusterError, at.Add(time.Second), 1, nil)
	require.Equal(t, models.ClusterError, got.Status)
	require.Equal(t, "v1.37.2", got.Metadata.Version, "kept")
	require.Equal(t, models.ClusterError, set(models.ClusterConnected, at, 1, nil).Status, "overtaken by a newer check")
	require.Equal(t, models.ClusterError, set(models.ClusterConnected, at.Add(time.Minute), 0, nil).Status, "of older credentials")
}

func TestReplaceRefusesStaleCredentials(t *testing.T) {
	t.Parallel()
	store := openClusters(t)
	c, err := store.Insert(t.Context(), cluster("ann", "prod", 0))
	require.NoError(t, err)
	old := c
	c.Server, c.Sealed = "https://other:1", []byte{3}
	got, err := store.Replace(t.Context(), old, c, now())
	require.NoError(t, err)
	require.EqualValues(t, 2, got.CredentialVersion)
	require.Equal(t, []byte{3}, got.Sealed)
	require.Equal(t, "https://other:1", got.Server)
	_, err = store.Replace(t.Context(), old, c, now())
	require.Equal(t, models.Conflict, kindOf(t, err))
	require.NoError(t, store.Delete(t.Context(), got.ID))
	require.Equal(t, models.NotFound, kindOf(t, store.Delete(t.Context(), got.ID)))
	_, err = store.Replace(t.Context(), got, got, now())
	require.Equal(t, models.NotFound, kindOf(t, err))
}

func TestReplaceOfANameKeepsTheCredentialVersion(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*models.Cluster)
		want   int64
	}{
		"display name": {func(c *models.Cluster) { c.DisplayName = "Production" }, 1},
		"description":  {func(c *models.Cluster) { c.Description = "d" }, 1},
		"labels":       {func(c *models.Cluster) { c.Labels = map[string]string{"x": "y"} }, 1},
		"server":       {func(c *models.Cluster) { c.Server = "https://other:1" }, 2},
		"auth type":    {func(c *models.Cluster) { c.AuthType = models.AuthKubeconfig }, 2},
		"insecure":     {func(c *models.Cluster) { c.Insecure = true }, 2},
		"credentials":  {func(c *models.Cluster) { c.Sealed = []byte{9} }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := openClusters(t)
			read, err := store.Insert(t.Context(), cluster("ann", "prod", 0))
			require.NoError(t, err)
			changed := read
			tc.change(&changed)
			at := now().Add(time.Second)
			got, err := store.Replace(t.Context(), read, changed, at)
			require.NoError(t, err)
			require.Equal(t, tc.want, got.CredentialVersion)
			changed.CredentialVersion, changed.UpdatedAt = tc.want, at
			require.Equal(t, changed, got)
			_, err = store.Replace(t.Context(), read, read, at)
			require.Equal(t, models.Conflict, kindOf(t, err), "no change is lost")
		})
	}
}
