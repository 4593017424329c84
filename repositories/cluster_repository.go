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

// Clusters stores registered clusters. The owner is part of every query that
// a person's request leads to, so somebody else's cluster is NotFound. It is
// safe for concurrent use.
type Clusters struct{ coll *mongo.Collection }

// NewClusters returns the clusters of db.
func NewClusters(db *mongo.Database) *Clusters { return &Clusters{db.Collection(database.Clusters)} }

// Insert stores c. It becomes its owner's default when there is none yet,
// which the returned cluster tells. A name that its owner has used already is
// a Conflict.
func (r *Clusters) Insert(ctx context.Context, c models.Cluster) (models.Cluster, error) {
	const op = "repositories.Clusters.Insert"
	// Of two first clusters at once, the index lets one be the default.
	c.Default = true
	_, err := r.coll.InsertOne(ctx, c)
	if !mongo.IsDuplicateKeyError(err) {
		return c, translate(op, "cluster", err)
	}
	c.Default = false
	_, err = r.coll.InsertOne(ctx, c)
	if mongo.IsDuplicateKeyError(err) {
		msg := "a cluster named " + c.Name + " already exists"
		return c, &models.Error{Op: op, Kind: models.Conflict, Msg: msg, Err: err}
	}
	return c, translate(op, "cluster", err)
}

// List returns the owner's clusters, newest first.
func (r *Clusters) List(ctx context.Context, owner string) ([]models.Cluster, error) {
	newest := bson.D{{Key: "created_at", Value: -1}}
	return r.list(ctx, "repositories.Clusters.List", bson.D{{Key: "owner_id", Value: owner}}, options.Find().SetSort(newest))
}

// All returns every cluster, for background work.
func (r *Clusters) All(ctx context.Context) ([]models.Cluster, error) {
	return r.list(ctx, "repositories.Clusters.All", bson.D{}, options.Find())
}

func (r *Clusters) list(ctx context.Context, op string, filter bson.D, o *options.FindOptionsBuilder) ([]models.Cluster, error) {
	cur, err := r.coll.Find(ctx, filter, o)
	if err != nil {
		return nil, translate(op, "cluster", err)
	}
	list := []models.Cluster{}
	return list, translate(op, "cluster", cur.All(ctx, &list))
}

// ByName returns the owner's cluster of that name, or NotFound.
func (r *Clusters) ByName(ctx context.Context, owner, name string) (models.Cluster, error) {
	return r.find(ctx, "repositories.Clusters.ByName", named(owner, name))
}

// ByID returns a cluster whoever owns it, or NotFound; it is for background
// work.
func (r *Clusters) ByID(ctx context.Context, id string) (models.Cluster, error) {
	return r.find(ctx, "repositories.Clusters.ByID", byID(id))
}

// Default returns the owner's default cluster, or NotFound.
func (r *Clusters) Default(ctx context.Context, owner string) (models.Cluster, error) {
	return r.find(ctx, "repositories.Clusters.Default", bson.D{{Key: "owner_id", Value: owner}, {Key: "default", Value: true}})
}

func (r *Clusters) find(ctx context.Context, op string, filter bson.D) (models.Cluster, error) {
	var c models.Cluster
	err := r.coll.FindOne(ctx, filter).Decode(&c)
	return c, translate(op, "cluster", err)
}

// Delete removes the owner's cluster and returns what it was, or NotFound.
func (r *Clusters) Delete(ctx context.Context, owner, name string) (models.Cluster, error) {
	var c models.Cluster
	err := r.coll.FindOneAndDelete(ctx, named(owner, name)).Decode(&c)
	return c, translate("repositories.Clusters.Delete", "cluster", err)
}

// SetDefault makes the named cluster its owner's only default, or is
// NotFound. Of several calls at once one wins; in between there may be no
// default, never two.
func (r *Clusters) SetDefault(ctx context.Context, owner, name string) error {
	const op = "repositories.Clusters.SetDefault"
	if _, err := r.ByName(ctx, owner, name); err != nil {
		return err
	}
	for {
		others := bson.D{{Key: "owner_id", Value: owner}, {Key: "default", Value: true}, {Key: "name", Value: bson.D{{Key: "$ne", Value: name}}}}
		if _, err := r.coll.UpdateMany(ctx, others, set(bson.D{{Key: "default", Value: false}})); err != nil {
			return translate(op, "cluster", err)
		}
		res, err := r.coll.UpdateOne(ctx, named(owner, name), set(bson.D{{Key: "default", Value: true}}))
		if mongo.IsDuplicateKeyError(err) { // another one became the default just now
			continue
		}
		return matched(op, "cluster", res, err)
	}
}

// SetHealth records the outcome of a check; metadata is kept when nil. The
// check of an older version of the credentials changes nothing, and neither
// does one that a newer check has overtaken.
func (r *Clusters) SetHealth(ctx context.Context, id string, h models.ClusterHealth) error {
	filter := bson.D{
		{Key: "_id", Value: id},
		{Key: "credential_version", Value: h.CredentialVersion},
		{Key: "$or", Value: bson.A{
			bson.D{{Key: "last_check", Value: bson.D{{Key: "$exists", Value: false}}}},
			bson.D{{Key: "last_check", Value: bson.D{{Key: "$lte", Value: h.At}}}},
		}},
	}
	changed := bson.D{
		{Key: "status", Value: h.Status}, {Key: "last_error", Value: h.Error}, {Key: "last_check", Value: h.At},
	}
	if h.Metadata != nil {
		changed = append(changed, bson.E{Key: "metadata", Value: *h.Metadata})
	}
	_, err := r.coll.UpdateOne(ctx, filter, set(changed))
	return translate("repositories.Clusters.SetHealth", "cluster", err)
}

// Replace stores what people may change of c, its server and its credentials
// among them. It is a Conflict when somebody changed the cluster since c was
// read, and NotFound when c is gone. The version of the credentials grows only
// when how to connect changes, so that a new name ends no connection.
func (r *Clusters) Replace(ctx context.Context, c models.Cluster, at time.Time) (models.Cluster, error) {
	const op = "repositories.Clusters.Replace"
	filter := bson.D{{Key: "_id", Value: c.ID}, {Key: "owner_id", Value: c.OwnerID}}
	old, err := r.find(ctx, op, filter)
	if err != nil {
		return old, err
	}
	if old.CredentialVersion != c.CredentialVersion || !old.UpdatedAt.Equal(c.UpdatedAt) {
		return old, changedMeanwhile(op)
	}
	version := old.CredentialVersion
	if !sameConnection(old, c) {
		version++
	}
	filter = append(filter,
		bson.E{Key: "credential_version", Value: old.CredentialVersion}, bson.E{Key: "updated_at", Value: old.UpdatedAt})
	var now models.Cluster
	err = translate(op, "cluster", r.coll.FindOneAndUpdate(ctx, filter, replacement(c, version, at),
		options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&now))
	if err == nil || models.KindOf(err) != models.NotFound {
		return now, err
	}
	if _, err := r.ByName(ctx, c.OwnerID, c.Name); err != nil {
		return now, err
	}
	return now, changedMeanwhile(op)
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

// sameConnection reports whether both are reached in the same way.
func sameConnection(a, b models.Cluster) bool {
	return a.Server == b.Server && a.AuthType == b.AuthType && a.Insecure == b.Insecure && bytes.Equal(a.Sealed, b.Sealed)
}

func changedMeanwhile(op string) error {
	return &models.Error{Op: op, Kind: models.Conflict, Msg: "the cluster was changed by somebody else at the same time; try again"}
}

func named(owner, name string) bson.D {
	return bson.D{{Key: "owner_id", Value: owner}, {Key: "name", Value: name}}
}
