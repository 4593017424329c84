package repositories

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// ClusterShares stores the shares of clusters, one document for each cluster and
// user. It is safe for concurrent use.
type ClusterShares struct{ coll *mongo.Collection }

// NewClusterShares returns the shares of db.
func NewClusterShares(db *mongo.Database) *ClusterShares {
	return &ClusterShares{db.Collection(database.ClusterShares)}
}

// Put stores an offer and returns the stored share. If the user has a share of the
// cluster already, only its role and bounds are replaced: an accepted share
// remains accepted.
func (r *ClusterShares) Put(ctx context.Context, sh models.ClusterShare) (models.ClusterShare, error) {
	const op = "repositories.ClusterShares.Put"
	// No list stands for the default, which differs from an empty one.
	accounts := bson.D{{Key: "$unset", Value: bson.D{{Key: "service_accounts", Value: ""}}}}
	fields := bson.D{
		{Key: "role", Value: sh.Role}, {Key: "namespaces", Value: sh.Namespaces}, {Key: "pod_security", Value: sh.PodSecurity},
	}
	if sh.ServiceAccounts != nil {
		accounts, fields = nil, append(fields, bson.E{Key: "service_accounts", Value: sh.ServiceAccounts})
	}
	change := slices.Concat(accounts, bson.D{
		{Key: "$set", Value: fields},
		{Key: "$setOnInsert", Value: bson.D{
			{Key: "_id", Value: sh.ID}, {Key: "cluster_name", Value: sh.ClusterName}, {Key: "owner_id", Value: sh.OwnerID},
			{Key: "email", Value: sh.Email}, {Key: "status", Value: models.SharePending}, {Key: "created_at", Value: sh.CreatedAt},
		}},
	})
	o := options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)
	for {
		var now models.ClusterShare
		err := r.coll.FindOneAndUpdate(ctx, shareOf(sh.ClusterID, sh.UserID), change, o).Decode(&now)
		if mongo.IsDuplicateKeyError(err) { // another call has inserted it
			continue
		}
		return now, translate(op, "share", err)
	}
}

// Accept accepts a share of the user, or is NotFound. An accepted share stays
// unchanged.
func (r *ClusterShares) Accept(ctx context.Context, userID, id string, at time.Time) (models.ClusterShare, error) {
	const op = "repositories.ClusterShares.Accept"
	var sh models.ClusterShare
	share := bson.D{{Key: "_id", Value: id}, {Key: "user_id", Value: userID}}
	pending := append(bson.D{{Key: "status", Value: models.SharePending}}, share...)
	change := set(bson.D{{Key: "status", Value: models.ShareAccepted}, {Key: "accepted_at", Value: at}})
	err := r.coll.FindOneAndUpdate(ctx, pending, change, options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&sh)
	if err == nil || models.KindOf(translate(op, "share", err)) != models.NotFound {
		return sh, translate(op, "share", err)
	}
	return sh, translate(op, "share", r.coll.FindOne(ctx, share).Decode(&sh))
}

// Decline removes a pending share of the user, or is NotFound.
func (r *ClusterShares) Decline(ctx context.Context, userID, id string) (models.ClusterShare, error) {
	return r.remove(ctx, "repositories.ClusterShares.Decline", bson.D{
		{Key: "_id", Value: id}, {Key: "user_id", Value: userID}, {Key: "status", Value: models.SharePending},
	})
}

// Remove ends a share of a cluster, or is NotFound. target is the id of the share
// or of its user.
func (r *ClusterShares) Remove(ctx context.Context, clusterID, target string) (models.ClusterShare, error) {
	return r.remove(ctx, "repositories.ClusterShares.Remove", bson.D{
		{Key: "cluster_id", Value: clusterID},
		{Key: "$or", Value: bson.A{bson.D{{Key: "user_id", Value: target}}, bson.D{{Key: "_id", Value: target}}}},
	})
}

func (r *ClusterShares) remove(ctx context.Context, op string, filter bson.D) (models.ClusterShare, error) {
	var sh models.ClusterShare
	err := r.coll.FindOneAndDelete(ctx, filter).Decode(&sh)
	return sh, translate(op, "share", err)
}

// ByClusterAndUser returns the share of one cluster with one user, whether accepted or not,
// or NotFound.
func (r *ClusterShares) ByClusterAndUser(ctx context.Context, clusterID, userID string) (models.ClusterShare, error) {
	var sh models.ClusterShare
	err := r.coll.FindOne(ctx, shareOf(clusterID, userID)).Decode(&sh)
	return sh, translate("repositories.ClusterShares.ByClusterAndUser", "share", err)
}

// ByUser returns all shares with a user: pending ones, then accepted ones in the
// order in which they were accepted.
func (r *ClusterShares) ByUser(ctx context.Context, userID string) ([]models.ClusterShare, error) {
	return r.list(ctx, "repositories.ClusterShares.ByUser", bson.D{{Key: "user_id", Value: userID}}, "accepted_at")
}

// Accepted returns the accepted shares with a user of clusters of that name, in the
// order in which they were accepted.
func (r *ClusterShares) Accepted(ctx context.Context, userID, name string) ([]models.ClusterShare, error) {
	filter := append(acceptedBy(userID), bson.E{Key: "cluster_name", Value: name})
	return r.list(ctx, "repositories.ClusterShares.Accepted", filter, "accepted_at")
}

// AllAccepted returns all accepted shares with a user by the names of the clusters,
// those of one name in the order in which they were accepted. It is cheap when they
// are those found before.
func (r *ClusterShares) AllAccepted(
	ctx context.Context, userID string, before models.Found[models.ClusterShare],
) (models.Found[models.ClusterShare], error) {
	return find(ctx, r.coll, "repositories.ClusterShares.AllAccepted", "share", acceptedBy(userID), before,
		options.Find().SetSort(bson.D{{Key: "cluster_name", Value: 1}, {Key: "accepted_at", Value: 1}}))
}

func acceptedBy(userID string) bson.D {
	return bson.D{{Key: "user_id", Value: userID}, {Key: "status", Value: models.ShareAccepted}}
}

// ByCluster returns all shares of a cluster, the oldest first.
func (r *ClusterShares) ByCluster(ctx context.Context, clusterID string) ([]models.ClusterShare, error) {
	return r.list(ctx, "repositories.ClusterShares.ByCluster", bson.D{{Key: "cluster_id", Value: clusterID}}, "created_at")
}

func (r *ClusterShares) list(ctx context.Context, op string, filter bson.D, by string) ([]models.ClusterShare, error) {
	return findAll[models.ClusterShare](ctx, r.coll, op, "share", filter, options.Find().SetSort(oldest(by)))
}

func oldest(by string) bson.D { return bson.D{{Key: by, Value: 1}, {Key: "_id", Value: 1}} }

// DeleteByCluster ends all shares of a cluster.
func (r *ClusterShares) DeleteByCluster(ctx context.Context, clusterID string) error {
	_, err := r.coll.DeleteMany(ctx, bson.D{{Key: "cluster_id", Value: clusterID}})
	return translate("repositories.ClusterShares.DeleteByCluster", "share", err)
}

// DeleteByUser ends all shares with a user and all shares of their clusters.
func (r *ClusterShares) DeleteByUser(ctx context.Context, userID string) error {
	either := bson.A{bson.D{{Key: "user_id", Value: userID}}, bson.D{{Key: "owner_id", Value: userID}}}
	_, err := r.coll.DeleteMany(ctx, bson.D{{Key: "$or", Value: either}})
	return translate("repositories.ClusterShares.DeleteByUser", "share", err)
}

// TransferOwner changes the owner in the shares of a cluster and removes the new
// owner's own share.
func (r *ClusterShares) TransferOwner(ctx context.Context, clusterID, to string) error {
	const op = "repositories.ClusterShares.TransferOwner"
	if _, err := r.coll.DeleteOne(ctx, shareOf(clusterID, to)); err != nil {
		return translate(op, "share", err)
	}
	_, err := r.coll.UpdateMany(ctx, bson.D{{Key: "cluster_id", Value: clusterID}}, set(bson.D{{Key: "owner_id", Value: to}}))
	return translate(op, "share", err)
}

func shareOf(clusterID, userID string) bson.D {
	return bson.D{{Key: "cluster_id", Value: clusterID}, {Key: "user_id", Value: userID}}
}
