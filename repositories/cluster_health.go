package repositories

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

// Page returns up to limit clusters of all owners whose ids are greater than
// after, ordered by id. Only the fields of their state are set. It is for
// background work.
func (r *Clusters) Page(ctx context.Context, after string, limit int) ([]models.Cluster, error) {
	filter := bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: after}}}}
	o := options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(limit)).SetProjection(fields(
		"owner_id", "name", "status", "last_error", "last_check", "failures", "credential_version"))
	return r.list(ctx, "repositories.Clusters.Page", filter, o)
}

// IDs returns the ids of all clusters of all owners. It is for background work.
func (r *Clusters) IDs(ctx context.Context) ([]string, error) {
	all, err := r.list(ctx, "repositories.Clusters.IDs", bson.D{}, options.Find().SetProjection(fields("_id")))
	ids := make([]string, len(all))
	for i, c := range all {
		ids[i] = c.ID
	}
	return ids, err
}

// SetHealth stores the outcome of a check and reports whether it differs from the
// stored one, whose status was was: of several servers with the same outcome, one is
// told true. Nil
// metadata leaves the stored one. Nothing changes when the check used an older
// version of the credentials, when a later check is stored, or when the cluster
// was deleted.
func (r *Clusters) SetHealth(ctx context.Context, id string, h models.ClusterHealth) (was string, changed bool, err error) {
	filter := bson.D{
		{Key: "_id", Value: id},
		{Key: "credential_version", Value: h.CredentialVersion},
		{Key: "$or", Value: bson.A{
			bson.D{{Key: "last_check", Value: bson.D{{Key: "$exists", Value: false}}}},
			bson.D{{Key: "last_check", Value: bson.D{{Key: "$lte", Value: h.At}}}},
		}},
	}
	update := bson.D{
		{Key: "status", Value: h.Status}, {Key: "last_error", Value: h.Error}, {Key: "last_check", Value: h.At},
		{Key: "failures", Value: h.Failures},
	}
	if h.Metadata != nil {
		update = append(update, bson.E{Key: "metadata", Value: *h.Metadata})
	}
	var before models.Cluster
	err = r.coll.FindOneAndUpdate(ctx, filter, set(update), options.FindOneAndUpdate().
		SetReturnDocument(options.Before).SetProjection(fields("status", "last_error"))).Decode(&before)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return "", false, nil
	}
	changed = before.Status != h.Status || before.LastError != h.Error
	return before.Status, err == nil && changed, translate("repositories.Clusters.SetHealth", "cluster", err)
}

// SetChecked stores the times of checks that changed nothing, in one command. A
// cluster whose state or credentials have changed meanwhile is left alone.
func (r *Clusters) SetChecked(ctx context.Context, list []models.ClusterChecked) error {
	if len(list) == 0 {
		return nil
	}
	writes := make([]mongo.WriteModel, len(list))
	for i, c := range list {
		writes[i] = mongo.NewUpdateOneModel().SetFilter(bson.D{
			{Key: "_id", Value: c.ID}, {Key: "status", Value: c.Status}, {Key: "credential_version", Value: c.CredentialVersion},
			{Key: "last_check", Value: bson.D{{Key: "$lt", Value: c.At}}},
		}).SetUpdate(set(bson.D{{Key: "last_check", Value: c.At}}))
	}
	_, err := r.coll.BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false))
	return translate("repositories.Clusters.SetChecked", "cluster", err)
}
