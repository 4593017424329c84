package cluster

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func TestShareIsForTheOwner(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	c := s.cluster(ann, "prod")
	in := models.ClusterShareInput{TargetUserID: eve, Role: models.ClusterViewer}
	_, err := s.Share(t.Context(), bob, "prod", in)
	require.Equal(t, models.NotFound, models.KindOf(err), "he does not even see it")
	s.share(c, bob, models.ClusterAdmin)
	_, err = s.Share(t.Context(), bob, "prod", in)
	require.Equal(t, models.Forbidden, models.KindOf(err))
	require.Equal(t, models.Forbidden, models.KindOf(s.Revoke(t.Context(), bob, "prod", eve)))
	in.TargetUserID = models.NewID()
	_, err = s.Share(t.Context(), ann, "prod", in)
	require.Equal(t, models.NotFound, models.KindOf(err))
}

func TestShareTellsAllThatIsWrong(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	s.cluster(ann, "prod")
	many := make([]string, maxShareNamespaces+1)
	for i := range many {
		many[i] = "n" + models.NewID()
	}
	for name, tc := range map[string]struct {
		in     models.ClusterShareInput
		fields []string
	}{
		"nothing":            {models.ClusterShareInput{}, []string{"targetUserId", "role"}},
		"two targets":        {models.ClusterShareInput{TargetUserID: bob, TargetEmail: "bob@example.org", Role: "viewer"}, []string{"targetEmail"}},
		"no address":         {models.ClusterShareInput{TargetEmail: "Bob <bob@example.org>", Role: "viewer"}, []string{"targetEmail"}},
		"an endless address": {models.ClusterShareInput{TargetEmail: "bob@" + strings.Repeat("e", 1000) + ".org", Role: "viewer"}, []string{"targetEmail"}},
		"oneself":            {models.ClusterShareInput{TargetUserID: ann, Role: "viewer"}, []string{"targetUserId"}},
		"oneself by address": {models.ClusterShareInput{TargetEmail: " Ann@Example.org", Role: "viewer"}, []string{"targetEmail"}},
		"the role of owners": {models.ClusterShareInput{TargetUserID: bob, Role: models.ClusterOwner}, []string{"role"}},
		"two bad namespaces": {models.ClusterShareInput{TargetUserID: bob, Role: "viewer", Namespaces: []string{"", "A"}}, []string{"namespaces", "namespaces"}},
		"no level, no account": {models.ClusterShareInput{TargetUserID: bob, Role: "viewer", PodBounds: models.PodBounds{
			PodSecurity: "lax", ServiceAccounts: []string{"*", "ci", "A b"},
		}}, []string{"podSecurity", "serviceAccounts"}},
		"too many namespaces": {models.ClusterShareInput{TargetUserID: bob, Role: "viewer", Namespaces: many}, []string{"namespaces"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Share(t.Context(), ann, "prod", tc.in)
			var fields []string
			bad := &models.Error{}
			require.ErrorAs(t, err, &bad)
			require.Equal(t, models.Invalid, bad.Kind)
			for _, p := range bad.Problems {
				fields = append(fields, p.Field)
			}
			require.Equal(t, tc.fields, fields, "%v", err)
		})
	}
}

func TestOfferToAnIDDoesNotTellWhoseItIs(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	s.cluster(ann, "prod")
	offer, err := s.Share(t.Context(), ann, "prod", models.ClusterShareInput{TargetUserID: bob, Role: models.ClusterViewer})
	require.NoError(t, err)
	require.Equal(t, models.Person{ID: bob}, offer.User)
	_, err = s.Accept(t.Context(), bob, offer.ID)
	require.NoError(t, err)
	all, err := s.List(t.Context(), ann, "prod")
	require.NoError(t, err)
	require.Equal(t, "bob@example.org", all[0].User.Email)
}

func TestOfferToAnAddressThatGetsAnAccountLater(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	s.cluster(ann, "prod")
	in := models.ClusterShareInput{TargetEmail: "dot@example.org", Role: models.ClusterViewer}
	first, err := s.Share(t.Context(), ann, "prod", in)
	require.NoError(t, err)
	again, err := s.Share(t.Context(), ann, "prod", in)
	require.NoError(t, err)
	require.Equal(t, first, again)

	dot := models.NewID()
	require.NoError(t, repositories.NewUsers(s.db).Insert(t.Context(), models.User{ID: dot, Email: "dot@example.org"}))
	offered, err := s.Offered(t.Context(), dot)
	require.NoError(t, err)
	require.Empty(t, offered, "nobody has shown that the address is theirs")
	_, err = s.Share(t.Context(), ann, "prod", in)
	require.NoError(t, err)
	all, err := s.List(t.Context(), ann, "prod")
	require.NoError(t, err)
	require.Len(t, all, 1)
	_, err = s.Accept(t.Context(), dot, all[0].ID)
	require.NoError(t, err)
}

// A share for namespaces bounds the pods that its users may deploy, unless the
// owner says otherwise; one for the whole cluster does only if the owner says so.
func TestSharesBoundPods(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	c := s.cluster(ann, "prod")
	none := models.PodBounds{PodSecurity: models.PodPrivileged, ServiceAccounts: []string{models.AnyServiceAccount}}
	for name, tc := range map[string]struct {
		namespaces []string
		in, want   models.PodBounds
	}{
		"the whole cluster": {nil, models.PodBounds{}, none},
		"namespaces":        {[]string{"shop"}, models.PodBounds{}, models.PodBounds{PodSecurity: "baseline", ServiceAccounts: []string{}}},
		"as the owner says": {
			[]string{"shop"}, models.PodBounds{PodSecurity: "restricted", ServiceAccounts: []string{"ci"}},
			models.PodBounds{PodSecurity: "restricted", ServiceAccounts: []string{"ci"}},
		},
		"the whole cluster with bounds": {
			nil, models.PodBounds{PodSecurity: "baseline", ServiceAccounts: []string{}},
			models.PodBounds{PodSecurity: "baseline", ServiceAccounts: []string{}},
		},
	} {
		sh, err := s.Share(t.Context(), ann, "prod", models.ClusterShareInput{
			TargetUserID: bob, Role: models.ClusterEditor, Namespaces: tc.namespaces, PodBounds: tc.in,
		})
		require.NoError(t, err)
		require.Equal(t, tc.want, sh.PodBounds, name)
		_, err = s.Accept(t.Context(), bob, sh.ID)
		require.NoError(t, err)
		g, err := s.rules.RequireByID(t.Context(), bob, c.ID, models.ClusterDeploy)
		require.NoError(t, err)
		require.Equal(t, tc.want, g.PodBounds(), name)
		require.Equal(t, tc.want, viewOf(g, models.Person{}).PodBounds, name)
	}
	own, err := s.rules.Require(t.Context(), ann, "prod", models.ClusterDeploy)
	require.NoError(t, err)
	require.True(t, own.PodBounds().None())
}

// Shares from before there were bounds have the defaults.
func TestStoredSharesWithoutBoundsHaveTheDefaults(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	c := s.cluster(ann, "prod")
	s.share(c, bob, models.ClusterEditor, "shop")
	_, err := s.db.Collection(database.ClusterShares).UpdateMany(t.Context(), bson.D{},
		bson.D{{Key: "$unset", Value: bson.D{{Key: "pod_security", Value: ""}, {Key: "service_accounts", Value: ""}}}})
	require.NoError(t, err)
	g, err := s.rules.RequireByID(t.Context(), bob, c.ID, models.ClusterDeploy)
	require.NoError(t, err)
	require.Equal(t, models.PodBounds{PodSecurity: models.PodBaseline, ServiceAccounts: []string{}}, g.PodBounds())
}

func TestEndOfAShareIsTold(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	c := s.cluster(ann, "prod")
	var told []string
	s.rules.OnChange(func(_ context.Context, id string) { told = append(told, id) })
	defaults := repositories.NewClusterDefaults(s.db)
	sh := s.share(c, bob, models.ClusterViewer)
	require.NoError(t, defaults.Set(t.Context(), bob, c.ID))
	told = nil
	require.NoError(t, s.Revoke(t.Context(), bob, "prod", sh.ID), "he leaves")
	require.Equal(t, []string{c.ID}, told)
	id, err := defaults.ByUser(t.Context(), bob)
	require.NoError(t, err)
	require.Empty(t, id)
}

func TestClustersOfRemovedAccounts(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	prod, test := s.cluster(ann, "prod"), s.cluster(ann, "test")
	mine := s.cluster(bob, "mine")
	s.share(prod, bob, models.ClusterEditor)
	s.share(prod, eve, models.ClusterViewer)
	s.share(mine, ann, models.ClusterViewer)
	var changed []string
	s.rules.OnChange(func(_ context.Context, id string) { changed = append(changed, id) })
	var events published
	removal := AccountRemoval{
		Access: s.rules, Clusters: s.clusters, Shares: s.store, Defaults: repositories.NewClusterDefaults(s.db),
		Events: NewEvents(&events, SharersOf(s.store), slog.New(slog.DiscardHandler)),
	}
	clash := s.cluster(eve, "test")
	err := removal.Transfer(t.Context(), ann, eve)
	require.Equal(t, models.Conflict, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "test")
	require.NoError(t, s.clusters.Delete(t.Context(), clash.ID))
	for range 2 { // also after it is done
		require.NoError(t, removal.Transfer(t.Context(), ann, eve))
	}
	for _, c := range []models.Cluster{prod, test} {
		g, err := s.rules.RequireByID(t.Context(), eve, c.ID, models.ClusterManage)
		require.NoError(t, err)
		require.True(t, g.Owned())
	}
	g, err := s.rules.Require(t.Context(), bob, "prod", models.ClusterDeploy)
	require.NoError(t, err, "he keeps what was shared")
	require.Equal(t, prod.ID, g.Cluster.ID)

	require.ElementsMatch(t, []string{
		"clusters:" + eve + " cluster_update prod connected", "clusters:" + eve + " cluster_update test connected",
	}, events.take())
	changed = nil
	require.NoError(t, removal.Delete(t.Context(), eve))
	require.ElementsMatch(t, []string{prod.ID, test.ID}, changed)
	require.ElementsMatch(t, []string{
		"clusters:" + eve + " cluster_removed prod", "clusters:" + bob + " cluster_removed prod", "clusters:" + eve + " cluster_removed test",
	}, events.take(), "he is told as well")
	require.NoError(t, removal.Delete(t.Context(), ann))
	shares, err := s.List(t.Context(), bob, "mine")
	require.NoError(t, err)
	require.Empty(t, shares)
	_, err = s.rules.Require(t.Context(), bob, "prod", models.ClusterRead)
	require.Equal(t, models.NotFound, models.KindOf(err))
}
