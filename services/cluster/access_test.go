package cluster

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

const eve = "eeeeeeeeeeeeeeeeeeeeeeee"

// sharing is the rules over a store, with people who have accounts.
type sharing struct {
	*Shares
	t        *testing.T
	db       *mongo.Database
	clusters *repositories.Clusters
	store    *repositories.ClusterShares
	rules    *Access
}

func newSharing(t *testing.T) *sharing {
	t.Helper()
	db := dbtest.Open(t).Database()
	s := &sharing{t: t, db: db, clusters: repositories.NewClusters(db), store: repositories.NewClusterShares(db)}
	s.rules = NewAccess(AccessDeps{Clusters: s.clusters, Shares: s.store})
	users := repositories.NewUsers(db)
	for id, name := range map[string]string{ann: "ann", bob: "bob", eve: "eve"} {
		require.NoError(t, users.Insert(t.Context(), models.User{ID: id, Name: name, Email: name + "@example.org", Role: models.RoleUser}))
	}
	log := slog.New(slog.DiscardHandler)
	s.Shares = NewShares(ShareDeps{
		Access: s.rules, Store: s.store, Defaults: repositories.NewClusterDefaults(db), Users: users,
		Events: NewEvents(&published{}, nil, log), Entries: NewLog(repositories.NewClusterLogs(db), log),
	})
	return s
}

func (s *sharing) cluster(owner, name string) models.Cluster {
	s.t.Helper()
	c, err := s.clusters.Insert(s.t.Context(), models.Cluster{
		ID: models.NewID(), OwnerID: owner, Name: name, Status: models.ClusterConnected, CreatedAt: models.Now(),
	})
	require.NoError(s.t, err)
	return c
}

// share shares a cluster and has that accepted.
func (s *sharing) share(c models.Cluster, with, role string, namespaces ...string) models.ClusterShareView {
	s.t.Helper()
	sh, err := s.Share(s.t.Context(), c.OwnerID, c.Name, models.ClusterShareInput{TargetUserID: with, Role: role, Namespaces: namespaces})
	require.NoError(s.t, err)
	_, err = s.Accept(s.t.Context(), with, sh.ID)
	require.NoError(s.t, err)
	return sh
}

// The whole table of who may do what, on one cluster of Ann's.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	actions := []models.ClusterAction{
		models.ClusterRead, models.ClusterProbe, models.ClusterDeploy, models.ClusterMembers, models.ClusterDelete, models.ClusterManage,
	}
	for name, tc := range map[string]struct {
		role       string
		namespaces []string
		pending    bool
		want       string // by action: y yes, n Forbidden, 0 NotFound
	}{
		"nobody":              {want: "000000"},
		"offered":             {role: models.ClusterAdmin, pending: true, want: "000000"},
		"viewer":              {role: models.ClusterViewer, want: "yynnnn"},
		"editor":              {role: models.ClusterEditor, want: "yyynnn"},
		"editor of namespace": {role: models.ClusterEditor, namespaces: []string{"shop"}, want: "yyynnn"},
		"admin":               {role: models.ClusterAdmin, want: "yyyyyn"},
		"admin of namespace":  {role: models.ClusterAdmin, namespaces: []string{"shop"}, want: "yyynnn"},
		"owner":               {role: models.ClusterOwner, want: "yyyyyy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSharing(t)
			c, caller := s.cluster(ann, "prod"), bob
			switch {
			case tc.role == models.ClusterOwner:
				caller = ann
			case tc.pending:
				_, err := s.Share(t.Context(), ann, "prod", models.ClusterShareInput{TargetUserID: bob, Role: tc.role})
				require.NoError(t, err)
			case tc.role != "":
				s.share(c, bob, tc.role, tc.namespaces...)
			}
			got := ""
			for _, action := range actions {
				_, byName := s.rules.Require(t.Context(), caller, "prod", action)
				_, byID := s.rules.RequireByID(t.Context(), caller, c.ID, action)
				_, byAddress := s.rules.Require(t.Context(), caller, models.ClusterAddress(c), action)
				require.Equal(t, models.KindOf(byName), models.KindOf(byID))
				require.Equal(t, models.KindOf(byName), models.KindOf(byAddress))
				switch {
				case byName == nil:
					got += "y"
				case models.KindOf(byName) == models.Forbidden:
					got += "n"
				case models.KindOf(byName) == models.NotFound:
					got += "0"
				}
			}
			require.Equal(t, tc.want, got)
			_, inside := s.rules.RequireIn(t.Context(), caller, "prod", models.ClusterRead, "shop")
			_, outside := s.rules.RequireIn(t.Context(), caller, "prod", models.ClusterRead, "other")
			require.Equal(t, tc.want[0] == 'y', inside == nil)
			require.Equal(t, tc.want[0] == 'y' && len(tc.namespaces) == 0, outside == nil)
		})
	}
}

func TestNoAccessLooksLikeNoCluster(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	c := s.cluster(ann, "prod")
	_, err := s.Share(t.Context(), ann, "prod", models.ClusterShareInput{TargetUserID: bob, Role: models.ClusterViewer})
	require.NoError(t, err)
	_, absent := s.rules.Require(t.Context(), bob, "none", models.ClusterRead)
	for _, address := range []string{"prod", models.ClusterAddress(c), "other~" + c.ID, "prod~" + models.NewID()} {
		_, err := s.rules.Require(t.Context(), bob, address, models.ClusterRead)
		require.Equal(t, models.NotFound, models.KindOf(err), address)
		require.Equal(t, models.MessageOf(absent), models.MessageOf(err), address)
	}
}

func TestOwnClustersComeBeforeSharedOnes(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	anns, bobs := s.cluster(ann, "prod"), s.cluster(bob, "prod")
	at := models.Now()
	s.now = func() time.Time { at = at.Add(time.Second); return at }
	s.share(bobs, eve, models.ClusterViewer)
	s.share(anns, eve, models.ClusterViewer)
	found := func() string {
		t.Helper()
		g, err := s.rules.Require(t.Context(), eve, "prod", models.ClusterRead)
		require.NoError(t, err)
		return g.Cluster.ID
	}
	require.Equal(t, bobs.ID, found(), "accepted longest ago")
	require.NoError(t, s.clusters.Delete(t.Context(), bobs.ID))
	require.Equal(t, anns.ID, found(), "a share that leads nowhere is passed over")
	own := s.cluster(eve, "prod")
	require.Equal(t, own.ID, found())
	grants, err := s.rules.List(t.Context(), eve)
	require.NoError(t, err)
	require.Len(t, grants, 2)
}

// A workflow that has run belongs to a cluster, not to a name.
func TestWorkflowStaysWithItsCluster(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	anns := s.cluster(ann, "prod")
	s.share(anns, eve, models.ClusterEditor)
	w := models.Workflow{OwnerID: eve, ClusterID: "prod", ClusterRef: anns.ID}
	g, err := s.rules.RequireFor(t.Context(), w, models.ClusterDeploy)
	require.NoError(t, err)
	require.Equal(t, anns.ID, g.Cluster.ID)

	own := s.cluster(eve, "prod")
	g, err = s.rules.RequireFor(t.Context(), w, models.ClusterDeploy)
	require.NoError(t, err)
	require.Equal(t, anns.ID, g.Cluster.ID, "although the name means another one now")

	require.NoError(t, s.Revoke(t.Context(), ann, "prod", eve))
	_, err = s.rules.RequireFor(t.Context(), w, models.ClusterRead)
	require.Equal(t, models.Forbidden, models.KindOf(err))
	require.True(t, models.LostAccess(err))

	require.NoError(t, s.clusters.Delete(t.Context(), anns.ID))
	g, err = s.rules.RequireFor(t.Context(), w, models.ClusterDeploy)
	require.NoError(t, err)
	require.Equal(t, own.ID, g.Cluster.ID, "made anew by the owner of the workflow")

	require.NoError(t, s.clusters.Delete(t.Context(), own.ID))
	_, err = s.rules.RequireFor(t.Context(), w, models.ClusterDeploy)
	require.Equal(t, models.NotFound, models.KindOf(err))
	s.share(s.cluster(bob, "prod"), eve, models.ClusterEditor)
	_, err = s.rules.RequireFor(t.Context(), w, models.ClusterDeploy)
	require.Equal(t, models.Conflict, models.KindOf(err), "somebody else's is never taken instead")
}
