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

// recorded returns the record of an object that was made at a time.
func recorded(cluster, kind, namespace, name string, at time.Time) models.Resource {
	ref := models.ResourceRef{ClusterID: cluster, Kind: kind, Namespace: namespace, Name: name}
	return models.Resource{
		ID: ref.ID(), ResourceRef: ref, ClusterName: "name of " + cluster, Hash: "h1", FirstSeenAt: at, LastSeenAt: at,
		ResourceState: models.ResourceState{UID: "u1", Status: models.ResourceRunning, CreatedAt: at, Spec: map[string]any{"replicas": 2.0}},
	}
}

func write(t *testing.T, r *repositories.Resources, list ...models.Resource) {
	t.Helper()
	writes := make([]models.ResourceWrite, len(list))
	for i, one := range list {
		writes[i] = models.ResourceWrite{Resource: one, Changes: []models.ResourceChange{{Action: "created", At: one.LastSeenAt}}}
	}
	require.NoError(t, r.Write(t.Context(), writes))
}

func listed(t *testing.T, r *repositories.Resources, q models.ResourceQuery) (names []string) {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	list, err := r.List(t.Context(), q)
	require.NoError(t, err)
	total, err := r.Count(t.Context(), q)
	require.NoError(t, err)
	if q.Offset == 0 && len(list) < q.Limit {
		require.EqualValues(t, len(list), total)
	}
	names = []string{}
	for _, one := range list {
		names = append(names, one.Name)
	}
	return names
}

func TestResourcesAreSelectedAndSorted(t *testing.T) {
	t.Parallel()
	r := repositories.NewResources(dbtest.Open(t).Database())
	at := now()
	system := recorded("c1", "Node", "", "node-0", at.Add(5*time.Hour))
	system.System = true
	failed := recorded("c1", "Pod", "shop", "web.1", at.Add(2*time.Hour))
	failed.Status = models.ResourceFailed
	gone := recorded("c1", "Pod", "shop", "gone", at)
	gone.Deleted, gone.DeletedAt = true, &at
	write(t, r, system, failed, gone,
		recorded("c1", "Deployment", "shop", "web", at.Add(time.Hour)), recorded("c1", "Pod", "bank", "Vault", at.Add(3*time.Hour)),
		recorded("c2", "Pod", "shop", "other", at.Add(4*time.Hour)), recorded("c3", "Pod", "shop", "foreign", at))
	c1, both := models.ResourceScope{ClusterIDs: []string{"c1"}}, models.ResourceScope{ClusterIDs: []string{"c1", "c2"}}
	narrow := models.ResourceScope{ClusterIDs: []string{"c2"}, Namespaces: []models.NamespacesOf{{ClusterID: "c1", Names: []string{"bank", "none"}}}}
	for what, test := range map[string]struct {
		q    models.ResourceQuery
		want []string
	}{
		"nothing is in scope":              {models.ResourceQuery{}, []string{}},
		"the newest are first":             {models.ResourceQuery{Scope: both}, []string{"node-0", "other", "Vault", "web.1", "web"}},
		"what belongs to the cluster":      {models.ResourceQuery{Scope: c1, HideSystem: true}, []string{"Vault", "web.1", "web"}},
		"a kind":                           {models.ResourceQuery{Scope: both, Kind: "Pod"}, []string{"other", "Vault", "web.1"}},
		"a namespace":                      {models.ResourceQuery{Scope: both, Namespace: "shop"}, []string{"other", "web.1", "web"}},
		"part of a name, in any case":      {models.ResourceQuery{Scope: c1, Search: "VAU"}, []string{"Vault"}},
		"part of a namespace":              {models.ResourceQuery{Scope: c1, Search: "hop"}, []string{"web.1", "web"}},
		"a dot is a dot":                   {models.ResourceQuery{Scope: c1, Search: "b."}, []string{"web.1"}},
		"an open parenthesis is one":       {models.ResourceQuery{Scope: c1, Search: "("}, []string{}},
		"some namespaces of a cluster":     {models.ResourceQuery{Scope: narrow}, []string{"other", "Vault"}},
		"a search in these":                {models.ResourceQuery{Scope: narrow, Search: "web"}, []string{}},
		"by name, upper case first":        {models.ResourceQuery{Scope: c1, Sort: "name"}, []string{"Vault", "node-0", "web", "web.1"}},
		"by name, downwards":               {models.ResourceQuery{Scope: c1, Sort: "name", Descending: true}, []string{"web.1", "web", "node-0", "Vault"}},
		"by type, the newest first":        {models.ResourceQuery{Scope: c1, Sort: "type"}, []string{"web", "node-0", "Vault", "web.1"}},
		"by namespace":                     {models.ResourceQuery{Scope: c1, Sort: "namespace"}, []string{"node-0", "Vault", "web.1", "web"}},
		"by status":                        {models.ResourceQuery{Scope: c1, Sort: "status"}, []string{"web.1", "node-0", "Vault", "web"}},
		"by age, the oldest first":         {models.ResourceQuery{Scope: c1, Sort: "created"}, []string{"web", "web.1", "Vault", "node-0"}},
		"a page":                           {models.ResourceQuery{Scope: both, Limit: 2, Offset: 1}, []string{"other", "Vault"}},
		"a page behind the end":            {models.ResourceQuery{Scope: both, Limit: 2, Offset: 99}, []string{}},
		"a kind with a filter by operator": {models.ResourceQuery{Scope: both, Kind: "$ne"}, []string{}},
	} {
		require.Equal(t, test.want, listed(t, r, test.q), what)
	}
}

func TestHistoriesAreContinuedAndBounded(t *testing.T) {
	t.Parallel()
	r := repositories.NewResources(dbtest.Open(t).Database())
	at := now()
	web := recorded("c1", "Pod", "shop", "web", at)
	web.Labels = map[string]string{"app.kubernetes.io/name": "web", "$odd": "", "": "empty"}
	write(t, r, web)
	web.FirstSeenAt, web.Labels = at.Add(time.Hour), nil
	for i := range 120 {
		change := models.ResourceChange{
			Action: fmt.Sprint(i), At: at.Add(time.Duration(i) * time.Minute),
			Changes: map[string]any{"container.main.image": map[string]any{"old": nil, "new": "nginx:1"}},
		}
		require.NoError(t, r.Write(t.Context(), []models.ResourceWrite{{Resource: web, Changes: []models.ResourceChange{change}}}))
	}
	stored, err := r.ByID(t.Context(), web.ID)
	require.NoError(t, err)
	require.True(t, stored.FirstSeenAt.Equal(at), "when it was first seen stays")
	require.Empty(t, stored.Labels)
	history, err := r.History(t.Context(), web.ID)
	require.NoError(t, err)
	require.Len(t, history, 100)
	require.Equal(t, "20", history[0].Action)
	require.Equal(t, map[string]any{"old": nil, "new": "nginx:1"}, history[99].Changes["container.main.image"])

	require.NoError(t, r.Forget(t.Context(), "c2", at.Add(24*time.Hour)))
	require.NoError(t, r.Forget(t.Context(), "c1", at.Add(100*time.Minute)))
	history, err = r.History(t.Context(), web.ID)
	require.NoError(t, err)
	require.Len(t, history, 20)
	_, err = r.History(t.Context(), models.NewID())
	require.Equal(t, models.NotFound, models.KindOf(err))
}

func TestDeletedRecordsAreTrimmed(t *testing.T) {
	t.Parallel()
	r := repositories.NewResources(dbtest.Open(t).Database())
	at := now()
	for i := range 10 {
		one, deleted := recorded("c1", "Pod", "jobs", fmt.Sprint("p", i), at), at.Add(time.Duration(i)*time.Second)
		one.Deleted, one.DeletedAt = true, &deleted
		write(t, r, one)
	}
	alive, elsewhere := recorded("c1", "Pod", "jobs", "alive", at), recorded("c2", "Pod", "jobs", "p0", at)
	back := recorded("c1", "Pod", "jobs", "p1", at)
	write(t, r, alive, elsewhere, back) // p1 has come back
	require.NoError(t, r.Trim(t.Context(), "c1", 3))
	for i := range 10 {
		_, err := r.ByID(t.Context(), recorded("c1", "Pod", "jobs", fmt.Sprint("p", i), at).ID)
		require.Equal(t, i == 1 || i >= 7, err == nil, "p%d", i)
	}
	require.NoError(t, r.DeleteByCluster(t.Context(), "c1"))
	_, err := r.ByID(t.Context(), alive.ID)
	require.Equal(t, models.NotFound, models.KindOf(err))
	_, err = r.ByID(t.Context(), elsewhere.ID)
	require.NoError(t, err)
}

func TestChildrenAndHashesOfResources(t *testing.T) {
	t.Parallel()
	r := repositories.NewResources(dbtest.Open(t).Database())
	at := now()
	child := func(cluster, namespace, name, parent string, age time.Duration) models.Resource {
		one := recorded(cluster, "Pod", namespace, name, at.Add(-age))
		one.Parent = parent
		return one
	}
	gone := child("c1", "shop", "gone", "Deployment/web", 0)
	gone.Deleted, gone.DeletedAt = true, &at
	write(t, r, gone, child("c1", "shop", "young", "Deployment/web", time.Hour), child("c1", "shop", "old", "Deployment/web", 2*time.Hour),
		child("c1", "shop", "b", "Deployment/web-b", 0), child("c1", "bank", "c", "Deployment/web", 0), child("c2", "shop", "d", "Deployment/web", 0))
	list, err := r.Children(t.Context(), recorded("c1", "Deployment", "shop", "web", at), "Pod", 10)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, "old", list[0].Name)
	hashes, err := r.Hashes(t.Context(), "c1", "", "Pod")
	require.NoError(t, err)
	require.Len(t, hashes, 4)
	hashes, err = r.Hashes(t.Context(), "c1", "apps", "Pod")
	require.NoError(t, err)
	require.Empty(t, hashes)
}
