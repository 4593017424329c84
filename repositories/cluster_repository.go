package repositories

import (
	"bytes"
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// Clusters stores registered clusters. Methods with an owner find that user's
// clusters only; other clusters are NotFound. It is safe for concurrent use.
type Clusters struct{ coll *mongo.Collection }

// NewClusters returns the clusters of db.
func NewClusters(db *mongo.Database) *Clusters { return &Clusters{db.Collection(database.Clusters)} }

// Insert stores c and returns it. A name that its owner has used already is a
// Conflict.
func (r *Clusters) Insert(ctx context.Context, c models.Cluster) (models.Cluster, error) {
	const op = "repositories.Clusters.Insert"
	_, err := r.coll.InsertOne(ctx, c)
	if mongo.IsDuplicateKeyError(err) {
		msg := "a cluster named " + c.Name + " already exists"
		return c, &models.Error{Op: op, Kind: models.Conflict, Msg: msg, Err: err}
	}
	return c, translate(op, "cluster", err)
}

// List returns the owner's clusters without credentials, newest first.
func (r *Clusters) List(ctx context.Context, owner string) ([]models.Cluster, error) {
	found, err := r.OwnedBy(ctx, owner, models.Found[models.Cluster]{})
	if err != nil {
		return nil, err
	}
	return found.All()
}

// OwnedBy is List; it is cheap when the clusters are those found before.
func (r *Clusters) OwnedBy(ctx context.Context, owner string, before models.Found[models.Cluster]) (models.Found[models.Cluster], error) {
	newest := bson.D{{Key: "created_at", Value: -1}}
	return find(ctx, r.coll, "repositories.Clusters.OwnedBy", "cluster", bson.D{{Key: "owner_id", Value: owner}}, before,
		options.Find().SetSort(newest).SetProjection(withoutCredentials()))
}

func withoutCredentials() bson.D { return bson.D{{Key: "credentials", Value: 0}} }

// ByIDs returns the clusters of all owners with these ids, without credentials
// and in any order. Unknown ids are left out. It is cheap when the clusters are
// those found before.
func (r *Clusters) ByIDs(ctx context.Context, ids []string, before models.Found[models.Cluster]) (models.Found[models.Cluster], error) {
	if len(ids) == 0 {
		return models.Found[models.Cluster]{}, nil
	}
	return find(ctx, r.coll, "repositories.Clusters.ByIDs", "cluster", byIDs(ids), before, options.Find().SetProjection(withoutCredentials()))
}

// All returns every cluster, for background work.
func (r *Clusters) All(ctx context.Context) ([]models.Cluster, error) {
	return r.list(ctx, "repositories.Clusters.All", bson.D{}, options.Find())
}

func (r *Clusters) list(ctx context.Context, op string, filter bson.D, o *options.FindOptionsBuilder) ([]models.Cluster, error) {
	return findAll[models.Cluster](ctx, r.coll, op, "cluster", filter, o)
}

// Owned counts the clusters of a user and lists the first ones by name.
func (r *Clusters) Owned(ctx context.Context, owner string, limit int) (models.OwnedItems, error) {
	return ownedItems(ctx, r.coll, "repositories.Clusters.Owned", bson.D{{Key: "owner_id", Value: owner}}, limit)
}

// ByName returns the owner's cluster of that name, or NotFound.
func (r *Clusters) ByName(ctx context.Context, owner, name string) (models.Cluster, error) {
	return r.find(ctx, "repositories.Clusters.ByName", byName(owner, name))
}

// ByID returns a cluster of any owner, or NotFound.
func (r *Clusters) ByID(ctx context.Context, id string) (models.Cluster, error) {
	return r.find(ctx, "repositories.Clusters.ByID", byID(id))
}

func (r *Clusters) find(ctx context.Context, op string, filter bson.D) (models.Cluster, error) {
	var c models.Cluster
	err := r.coll.FindOne(ctx, filter).Decode(&c)
	return c, translate(op, "cluster", err)
}

// Delete removes a cluster of any owner, or is NotFound.
func (r *Clusters) Delete(ctx context.Context, id string) error {
	return translate("repositories.Clusters.Delete", "cluster", r.coll.FindOneAndDelete(ctx, byID(id)).Err())
}

// DeleteByUser removes all clusters of an owner and returns their ids.
func (r *Clusters) DeleteByUser(ctx context.Context, owner string) (ids []string, err error) {
	const op = "repositories.Clusters.DeleteByUser"
	filter := bson.D{{Key: "owner_id", Value: owner}}
	list, err := r.list(ctx, op, filter, options.Find().SetProjection(fields("name")))
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	_, err = r.coll.DeleteMany(ctx, filter)
	return ids, translate(op, "cluster", err)
}

// TransferOwner gives a cluster to another user, or is NotFound. A name that
// the other one has used already is a Conflict.
func (r *Clusters) TransferOwner(ctx context.Context, from, id, to string) error {
	const op = "repositories.Clusters.TransferOwner"
	res, err := r.coll.UpdateOne(ctx, bson.D{{Key: "_id", Value: id}, {Key: "owner_id", Value: from}},
		set(bson.D{{Key: "owner_id", Value: to}}))
	return matched(op, "cluster", res, err)
}

// Replace stores the fields of c that people edit, including the server and the
// credentials. It is a Conflict when the stored cluster differs from old, and
// NotFound when it was deleted. The version of the credentials grows only when
// the connection changes, so that a new display name keeps connections open.
func (r *Clusters) Replace(ctx context.Context, old, c models.Cluster, at time.Time) (models.Cluster, error) {
	const op = "repositories.Clusters.Replace"
	version := old.CredentialVersion
	if !sameConnection(old, c) {
		version++
	}
	filter := bson.D{
		{Key: "_id", Value: c.ID}, {Key: "owner_id", Value: c.OwnerID},
		{Key: "credential_version", Value: old.CredentialVersion}, {Key: "updated_at", Value: old.UpdatedAt},
		{Key: "credentials", Value: old.Sealed},
	}
	var now models.Cluster
	err := translate(op, "cluster", r.coll.FindOneAndUpdate(ctx, filter, replacement(c, version, at),
		options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&now))
	if err == nil || models.KindOf(err) != models.NotFound {
		return now, err
	}
	if _, err := r.ByName(ctx, c.OwnerID, c.Name); err != nil {
		return now, err
	}
	return now, concurrentChange(op)
}

// SwapCredentials replaces the sealed credentials old by fresh. It reports false
// when other credentials are stored or the cluster was deleted. The version of the
// credentials stays the same.
func (r *Clusters) SwapCredentials(ctx context.Context, id string, old, fresh []byte) (bool, error) {
	res, err := r.coll.UpdateOne(ctx, bson.D{{Key: "_id", Value: id}, {Key: "credentials", Value: old}},
		set(bson.D{{Key: "credentials", Value: fresh}}))
	if err != nil {
		return false, translate("repositories.Clusters.SwapCredentials", "cluster", err)
	}
	return res.MatchedCount > 0, nil
}

func replacement(c models.Cluster, version int64, at time.Time) bson.D {
	return set(bson.D{
		{Key: "display_name", Value: c.DisplayName}, {Key: "description", Value: c.Description},
		{Key: "server", Value: c.Server}, {Key: "auth_type", Value: c.AuthType},
		{Key: "single_node", Value: c.SingleNode}, {Key: "labels", Value: c.Labels},
		{Key: "namespace", Value: c.Namespace}, {Key: "insecure", Value: c.Insecure},
		{Key: "credentials", Value: c.Sealed}, {Key: "credential_version", Value: version},
		{Key: "updated_at", Value: at},
	})
}

// sameConnection reports whether both have the same server and credentials.
func sameConnection(a, b models.Cluster) bool {
	return a.Server == b.Server && a.AuthType == b.AuthType && a.Insecure == b.Insecure && bytes.Equal(a.Sealed, b.Sealed)
}

func concurrentChange(op string) error {
	return &models.Error{Op: op, Kind: models.Conflict, Msg: "the cluster was changed by somebody else at the same time; try again"}
}

func byName(owner, name string) bson.D {
	return bson.D{{Key: "owner_id", Value: owner}, {Key: "name", Value: name}}
}
