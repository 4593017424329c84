package handlers_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/cluster"
)

// newClusters serves GET /clusters for ann, who has own clusters and those that
// bob shares with her.
func newClusters(b *testing.B, own, shared int) *httptest.Server {
	b.Helper()
	db := dbtest.Open(b).Database()
	stored, shares, users := repositories.NewClusters(db), repositories.NewClusterShares(db), repositories.NewUsers(db)
	access := cluster.NewAccess(cluster.AccessDeps{Clusters: stored, Shares: shares, Log: slog.New(slog.DiscardHandler)})
	svc := cluster.NewService(cluster.Deps{
		Store: stored, Access: access, Shares: shares, Defaults: repositories.NewClusterDefaults(db), People: users,
	})
	fillClusters(b, db, stored, shares, own, shared)
	e := gin.New()
	e.GET("/clusters", asAnn, handlers.Handle(slog.New(slog.DiscardHandler), handlers.NewCluster(svc).List))
	srv := httptest.NewServer(e)
	b.Cleanup(srv.Close)
	return srv
}

func asAnn(c *gin.Context) {
	c.Request = c.Request.WithContext(models.WithIdentity(c.Request.Context(), models.Identity{UserID: "ann"}))
}

func fillClusters(
	b *testing.B, db *mongo.Database, stored *repositories.Clusters, shares *repositories.ClusterShares, own, shared int,
) {
	b.Helper()
	ctx, at := b.Context(), models.StoredTime(time.Now())
	_, err := db.Collection("users").InsertOne(ctx, models.User{ID: "bob", Name: "Bob", Email: "bob@example.com"})
	require.NoError(b, err)
	for i := range own + shared {
		c := models.Cluster{
			ID: models.NewID(), OwnerID: "ann", Name: fmt.Sprint("own-", i), Server: "https://10.0.0.1:6443", AuthType: models.AuthToken,
			Status: models.ClusterConnected, Namespace: "default", LastCheck: &at, CreatedAt: at, UpdatedAt: at, Sealed: make([]byte, 2000),
			Metadata: models.ClusterMetadata{
				Version: "v1.35.0", Platform: "linux/amd64", NodeCount: 3, CPUCapacity: "12", MemoryCapacity: "48Gi", LastUpdated: at,
				StorageClasses: []string{"standard"}, Namespaces: []string{"default", "kube-system", "shop", "test"}, Capabilities: []string{},
			},
		}
		if i >= own {
			c.OwnerID = "bob"
		}
		_, err := stored.Insert(ctx, c)
		require.NoError(b, err)
		if i < own {
			continue
		}
		sh, err := shares.Put(ctx, models.ClusterShare{
			ID: models.NewID(), ClusterID: c.ID, ClusterName: c.Name, OwnerID: "bob", UserID: "ann", Role: models.ClusterEditor,
			Namespaces: []string{"shop", "test"}, CreatedAt: at,
		})
		require.NoError(b, err)
		_, err = shares.Accept(ctx, "ann", sh.ID, at)
		require.NoError(b, err)
	}
}

// BenchmarkListClusters lists own and shared clusters, as every open page does.
func BenchmarkListClusters(b *testing.B) {
	srv := newClusters(b, 50, 20)
	b.ReportAllocs()
	for b.Loop() {
		get(b, srv.URL+"/clusters")
	}
}
