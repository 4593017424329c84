package resource

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func ptr[T any](v T) *T { return &v }

func TestSharesForNamespacesShowThoseOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.api.Set("pods", pod("shop", "p1", ""))
	r.api.Set("pods", pod("bank", "p2", ""))
	r.api.Set("namespaces", object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": "shop", "uid": "n1"}})
	r.grant("bob", models.ClusterGrant{Role: models.ClusterViewer, Namespaces: []string{"shop"}})
	r.start()
	r.eventuallyHas("ann", models.ResourceQuery{}, "p1", "p2", "shop")
	r.eventuallyHas("bob", models.ResourceQuery{}, "p1")
	r.eventuallyHas("eve", models.ResourceQuery{})

	p2, space := idOf("", "Pod", "bank", "p2"), idOf("", "Namespace", "", "shop")
	for _, id := range []string{p2, space} {
		_, err := r.service.Get(t.Context(), "bob", id)
		require.Equal(t, models.NotFound, models.KindOf(err))
		require.Equal(t, models.NotFound, models.KindOf(r.service.Mark(t.Context(), "bob", id, models.ResourceMarkInput{Favorite: ptr(true)})))
	}
	p1 := idOf("", "Pod", "shop", "p1")
	_, err := r.service.Object(t.Context(), "bob", p1, models.ClusterDeploy)
	require.Equal(t, models.Forbidden, models.KindOf(err), "seen, but not to be changed")
	_, err = r.service.Object(t.Context(), "bob", p2, models.ClusterDeploy)
	require.Equal(t, models.NotFound, models.KindOf(err))
	_, err = r.service.Object(t.Context(), "eve", p1, models.ClusterDeploy)
	require.Equal(t, models.NotFound, models.KindOf(err))
}

func TestChildrenAreThoseThatAnObjectMade(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.api.Set("deployments", deployment("web", "u1", 3))
	r.api.Set("pods", pod("shop", "web-abc-1", "web"))
	r.api.Set("pods", pod("shop", "web-other-abc-1", "web-other"))
	r.api.Set("pods", pod("bank", "web-abc-2", "web"))
	r.api.Set("pods", pod("shop", "web-bare", ""))
	r.start()
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "web")
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Pod"}, "web-abc-1", "web-abc-2", "web-bare", "web-other-abc-1")
	web := idOf("apps", "Deployment", "shop", "web")
	got, err := r.service.Children(t.Context(), "ann", web)
	require.NoError(t, err)
	require.Equal(t, 1, got.Count)
	require.Equal(t, "web-abc-1", (*got.Pods)[0].Name)
	require.Nil(t, got.Jobs)
	pods, err := r.service.Pods(t.Context(), "ann", web)
	require.NoError(t, err)
	require.Len(t, pods, 1)
	alone, err := r.service.Pods(t.Context(), "ann", idOf("", "Pod", "shop", "web-bare"))
	require.NoError(t, err)
	require.Equal(t, "web-bare", alone[0].Name)
	_, err = r.service.Children(t.Context(), "ann", idOf("", "Pod", "shop", "web-bare"))
	require.Equal(t, models.Invalid, models.KindOf(err))
	_, err = r.service.Pods(t.Context(), "eve", web)
	require.Equal(t, models.NotFound, models.KindOf(err))
}

func TestMarksArePartialAndOnesOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.api.Set("pods", pod("shop", "p1", ""))
	r.grant("bob", models.ClusterGrant{Role: models.ClusterViewer})
	r.start()
	r.eventuallyHas("ann", models.ResourceQuery{}, "p1")
	p1 := idOf("", "Pod", "shop", "p1")
	mark := func(user string, in models.ResourceMarkInput) error { return r.service.Mark(t.Context(), user, p1, in) }
	require.NoError(t, mark("ann", models.ResourceMarkInput{Favorite: ptr(true), Tags: ptr([]string{"a", "b"})}))
	require.NoError(t, mark("ann", models.ResourceMarkInput{Notes: ptr("look here")}))
	require.NoError(t, mark("ann", models.ResourceMarkInput{}))
	d, err := r.service.Get(t.Context(), "ann", p1)
	require.NoError(t, err)
	require.True(t, d.Resource.IsFavorite)
	require.Equal(t, []string{"a", "b"}, d.Resource.UserTags)
	require.Equal(t, "look here", d.Resource.UserNotes)
	d, err = r.service.Get(t.Context(), "bob", p1)
	require.NoError(t, err)
	require.False(t, d.Resource.IsFavorite)
	require.Empty(t, d.Resource.UserNotes)
	page, err := r.service.List(t.Context(), "ann", "prod", models.ResourceQuery{Limit: 5})
	require.NoError(t, err)
	require.True(t, page.Resources[0].IsFavorite)

	require.NoError(t, mark("ann", models.ResourceMarkInput{Favorite: ptr(false), Tags: ptr([]string{}), Notes: ptr("")}))
	n, err := r.marks.Count(t.Context(), "ann")
	require.NoError(t, err)
	require.Zero(t, n, "nothing is noted any more")

	for name, in := range map[string]models.ResourceMarkInput{
		"userTags":    {Tags: ptr(make([]string, maxTags+1))},
		"userTags[1]": {Tags: ptr([]string{"a", strings.Repeat("x", maxTag+1)})},
		"userNotes":   {Notes: ptr(strings.Repeat("ä", maxNotes+1))},
	} {
		err := mark("ann", in)
		require.Equal(t, models.Invalid, models.KindOf(err), name)
		require.Contains(t, models.MessageOf(err), name)
	}
}

// Marks are limited, and those on what nobody can see any more make room.
func TestMarksAreLimited(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, name := range []string{"p1", "p2", "p3"} {
		r.api.Set("pods", pod("shop", name, ""))
	}
	r.start()
	r.eventuallyHas("ann", models.ResourceQuery{}, "p1", "p2", "p3")
	r.service.maxMarks = 2
	mark := func(name string) error {
		return r.service.Mark(t.Context(), "ann", idOf("", "Pod", "shop", name), models.ResourceMarkInput{Favorite: ptr(true)})
	}
	require.NoError(t, mark("p1"))
	require.NoError(t, mark("p2"))
	require.Equal(t, models.Conflict, models.KindOf(mark("p3")))
	require.NoError(t, mark("p2"), "one that is there may change")
	require.NoError(t, r.marks.Set(t.Context(), models.ResourceMark{UserID: "ann", ResourceID: models.NewID(), ClusterID: "c1"},
		models.ResourceMarkInput{Favorite: ptr(true)}))
	require.NoError(t, r.marks.Delete(t.Context(), "ann", idOf("", "Pod", "shop", "p1")))
	require.NoError(t, mark("p3"))
	n, err := r.marks.Count(t.Context(), "ann")
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
}

// A resource names its workflow to the owner of that only.
func TestWorkflowsAreNamedToTheirOwners(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := models.Workflow{ID: models.NewID(), Name: "Shop", OwnerID: "ann"}
	r.flows = append(r.flows, w)
	made := deployment("web", "u1", 3)
	made["metadata"].(object)["labels"] = object{"kubeorch.io/workflow": w.ID}
	r.api.Set("deployments", made)
	r.grant("bob", models.ClusterGrant{Role: models.ClusterViewer})
	r.start()
	web := idOf("apps", "Deployment", "shop", "web")
	d := r.eventually(web, "the Deployment", status(models.ResourceRunning))
	require.Equal(t, w.ID, d.Resource.WorkflowID)
	require.Equal(t, "Shop", d.Resource.WorkflowName)
	d, err := r.service.Get(t.Context(), "bob", web)
	require.NoError(t, err)
	require.Empty(t, d.Resource.WorkflowID+d.Resource.WorkflowName)
}

// What is held ends with the access to it, and with nothing else.
func TestHoldsEndWithTheAccess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.api.Set("pods", pod("shop", "p1", ""))
	r.api.Set("pods", pod("bank", "p2", ""))
	r.grant("bob", models.ClusterGrant{Role: models.ClusterEditor})
	r.start()
	r.eventuallyHas("bob", models.ResourceQuery{}, "p1", "p2")
	hold := func(user, id string, action models.ClusterAction) context.Context {
		_, held, release, err := r.service.Hold(t.Context(), user, id, action)
		require.NoError(t, err)
		t.Cleanup(release)
		return held
	}
	shop, bank := idOf("", "Pod", "shop", "p1"), idOf("", "Pod", "bank", "p2")
	reading, typing := hold("bob", shop, models.ClusterRead), hold("bob", shop, models.ClusterDeploy)
	elsewhere, owner := hold("bob", bank, models.ClusterRead), hold("ann", bank, models.ClusterDeploy)

	r.grant("bob", models.ClusterGrant{Role: models.ClusterViewer})
	r.service.AccessChanged(t.Context(), "c2")
	r.service.AccessChanged(t.Context(), "c1")
	<-typing.Done()
	require.Equal(t, models.Forbidden, models.KindOf(context.Cause(typing)))
	require.NoError(t, reading.Err())

	r.grant("bob", models.ClusterGrant{Role: models.ClusterViewer, Namespaces: []string{"shop"}})
	r.service.AccessChanged(t.Context(), "")
	<-elsewhere.Done()
	require.Equal(t, models.NotFound, models.KindOf(context.Cause(elsewhere)))
	require.NoError(t, reading.Err())

	r.withdraw("bob")
	r.service.AccessChanged(t.Context(), "c1")
	<-reading.Done()
	require.NoError(t, owner.Err())
	_, _, _, err := r.service.Hold(t.Context(), "bob", shop, models.ClusterRead)
	require.Equal(t, models.NotFound, models.KindOf(err))
}

// Pages of a list by cluster fit together, whatever their size.
func TestListsByCluster(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var want []string
	names := map[string]string{"c1": "prod", "c2": "a-lab", "c3": "zoo", "c4": "empty"}
	for _, id := range []string{"c2", "c4", "c1", "c3"} { // by name
		r.many = append(r.many, models.ClusterGrant{Cluster: models.Cluster{ID: id, Name: names[id]}, Role: models.ClusterOwner})
		for i := range map[string]int{"c1": 4, "c2": 3, "c3": 5}[id] {
			ref := models.ResourceRef{ClusterID: id, Kind: "Pod", Namespace: "shop", Name: fmt.Sprint("p", i)}
			require.NoError(t, r.records.Write(t.Context(), []models.ResourceWrite{{Resource: models.Resource{
				ID: ref.ID(), ResourceRef: ref, ClusterName: names[id],
				ResourceState: models.ResourceState{CreatedAt: models.Now().Add(-time.Duration(i) * time.Hour)},
			}}}))
			want = append(want, names[id]+" "+ref.Name)
		}
	}
	for _, size := range []int{1, 2, 3, 4, 5, 12, 50} {
		var got []string
		for offset := 0; offset < len(want)+size; offset += size {
			page, err := r.service.List(t.Context(), "eve", "", models.ResourceQuery{
				Sort: models.SortResourcesByCluster, Limit: size, Offset: offset,
			})
			require.NoError(t, err)
			require.EqualValues(t, len(want), page.Total)
			for _, row := range page.Resources {
				got = append(got, row.ClusterName+" "+row.Name)
			}
		}
		require.Equal(t, want, got, "pages of %d", size)
	}
	page, err := r.service.List(t.Context(), "eve", "", models.ResourceQuery{Sort: models.SortResourcesByCluster, Descending: true, Limit: 6})
	require.NoError(t, err)
	require.Equal(t, "zoo", page.Resources[0].ClusterName)
	require.Equal(t, "prod", page.Resources[5].ClusterName)
}

// What was stored before the inventory was switched off is out of date, and not shown.
func TestNothingIsShownWithoutAnInventory(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.api.Set("pods", pod("shop", "p1", ""))
	r.start()
	r.eventuallyHas("ann", models.ResourceQuery{}, "p1")
	r.service.deps.Off = true
	r.eventuallyHas("ann", models.ResourceQuery{})
	_, err := r.service.Get(t.Context(), "ann", idOf("", "Pod", "shop", "p1"))
	require.Equal(t, models.NotFound, models.KindOf(err))
}
