package repositories

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

const (
	// resourceHistory is how many changes of a resource are kept.
	resourceHistory = 100

	// resourcePage is how many records one command reads or removes.
	resourcePage = 1000
)

// Resources stores the inventories of clusters: a record for each object, with its
// history. A TTL index removes those of objects that were deleted some days ago. It is
// safe for concurrent use.
type Resources struct{ coll *mongo.Collection }

// NewResources returns the inventories of db.
func NewResources(db *mongo.Database) *Resources {
	return &Resources{db.Collection(database.Resources)}
}

// withoutHistory leaves out what only the page of one resource shows.
func withoutHistory() bson.D { return bson.D{{Key: "history", Value: 0}} }

// ByID returns the record of an object, deleted or not.
func (r *Resources) ByID(ctx context.Context, id string) (found models.Resource, err error) {
	err = r.coll.FindOne(ctx, byID(id), options.FindOne().SetProjection(withoutHistory())).Decode(&found)
	return found, translate("repositories.Resources.ByID", "resource", err)
}

// ByIDs returns the records with these ids, in no particular order.
func (r *Resources) ByIDs(ctx context.Context, ids []string) ([]models.Resource, error) {
	return findAll[models.Resource](ctx, r.coll, "repositories.Resources.ByIDs", "resources", byIDs(ids),
		options.Find().SetProjection(withoutHistory()))
}

// Existing returns those of the given ids that have a record.
func (r *Resources) Existing(ctx context.Context, ids []string) ([]string, error) {
	list, err := findAll[models.ResourceHash](ctx, r.coll, "repositories.Resources.Existing", "resources", byIDs(ids),
		options.Find().SetProjection(fields("_id")))
	found := make([]string, len(list))
	for i, one := range list {
		found[i] = one.ID
	}
	return found, err
}

// History returns the changes of an object, the oldest first.
func (r *Resources) History(ctx context.Context, id string) ([]models.ResourceChange, error) {
	var doc struct {
		History []models.ResourceChange `bson:"history"`
	}
	err := r.coll.FindOne(ctx, byID(id), options.FindOne().SetProjection(fields("history"))).Decode(&doc)
	return doc.History, translate("repositories.Resources.History", "resource", err)
}

// Children returns up to limit live objects of a kind whose parent is the given one,
// the oldest first.
func (r *Resources) Children(ctx context.Context, parent models.Resource, kind string, limit int) ([]models.Resource, error) {
	filter := bson.D{
		{Key: "cluster_id", Value: parent.ClusterID}, {Key: "namespace", Value: parent.Namespace},
		{Key: "state.parent", Value: parent.Kind + "/" + parent.Name}, {Key: "kind", Value: kind}, {Key: "deleted", Value: false},
	}
	return findAll[models.Resource](ctx, r.coll, "repositories.Resources.Children", "resources", filter, options.Find().
		SetProjection(withoutHistory()).SetSort(bson.D{{Key: "state.created_at", Value: 1}, {Key: "_id", Value: 1}}).SetLimit(int64(limit)))
}

// Hashes returns what is stored of the live objects of one kind of a cluster.
func (r *Resources) Hashes(ctx context.Context, clusterID, group, kind string) ([]models.ResourceHash, error) {
	filter := bson.D{
		{Key: "cluster_id", Value: clusterID}, {Key: "deleted", Value: false}, {Key: "system", Value: inBoth()},
		{Key: "kind", Value: kind}, {Key: "group", Value: group},
	}
	return findAll[models.ResourceHash](ctx, r.coll, "repositories.Resources.Hashes", "resources", filter,
		options.Find().SetProjection(fields("hash")).SetBatchSize(10*resourcePage))
}

// Write stores changes in one command. A record that exists keeps when it was first
// seen, and its history is continued. After an error some changes may be stored; Write
// may be called again.
func (r *Resources) Write(ctx context.Context, list []models.ResourceWrite) error {
	if len(list) == 0 {
		return nil
	}
	writes := make([]mongo.WriteModel, len(list))
	for i, w := range list {
		writes[i] = mongo.NewUpdateOneModel().SetFilter(byID(w.Resource.ID)).SetUpdate(resourceUpdate(w)).SetUpsert(true)
	}
	_, err := r.coll.BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false))
	return translate("repositories.Resources.Write", "resource", err)
}

func resourceUpdate(w models.ResourceWrite) bson.D {
	n := w.Resource
	stored := bson.D{
		{Key: "cluster_id", Value: n.ClusterID}, {Key: "group", Value: n.Group}, {Key: "kind", Value: n.Kind},
		{Key: "namespace", Value: n.Namespace}, {Key: "name", Value: n.Name}, {Key: "state", Value: n.ResourceState},
		{Key: "cluster_name", Value: n.ClusterName}, {Key: "system", Value: n.System}, {Key: "hash", Value: n.Hash},
		{Key: "last_seen_at", Value: n.LastSeenAt}, {Key: "deleted", Value: n.Deleted},
	}
	update := bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "first_seen_at", Value: n.FirstSeenAt}}}}
	if n.Deleted {
		stored = append(stored, bson.E{Key: "deleted_at", Value: n.DeletedAt})
	} else {
		update = append(update, bson.E{Key: "$unset", Value: bson.D{{Key: "deleted_at", Value: ""}}})
	}
	if len(w.Changes) > 0 {
		update = append(update, bson.E{Key: "$push", Value: bson.D{{Key: "history", Value: bson.D{
			{Key: "$each", Value: w.Changes}, {Key: "$slice", Value: -resourceHistory},
		}}}})
	}
	return append(update, bson.E{Key: "$set", Value: stored})
}

// Trim removes all records of deleted objects of a cluster except the latest most.
func (r *Resources) Trim(ctx context.Context, clusterID string, most int) error {
	const op = "repositories.Resources.Trim"
	deleted := bson.D{{Key: "cluster_id", Value: clusterID}, {Key: "deleted_at", Value: bson.D{{Key: "$gt", Value: time.Time{}}}}}
	for {
		surplus, err := findAll[models.ResourceHash](ctx, r.coll, op, "resources", deleted, options.Find().
			SetSort(bson.D{{Key: "deleted_at", Value: -1}}).SetSkip(int64(most)).SetLimit(resourcePage).SetProjection(fields("_id")))
		if err != nil || len(surplus) == 0 {
			return err
		}
		ids := make([]string, len(surplus))
		for i, s := range surplus {
			ids[i] = s.ID
		}
		// One that has come back meanwhile stays.
		filter := append(byIDs(ids), bson.E{Key: "deleted", Value: true})
		if _, err := r.coll.DeleteMany(ctx, filter); err != nil {
			return translate(op, "resources", err)
		}
	}
}

// Forget removes the changes of a cluster's objects that are older than before.
func (r *Resources) Forget(ctx context.Context, clusterID string, before time.Time) error {
	old := bson.D{{Key: "$lt", Value: before}}
	_, err := r.coll.UpdateMany(ctx,
		bson.D{{Key: "cluster_id", Value: clusterID}, {Key: "history.at", Value: old}},
		bson.D{{Key: "$pull", Value: bson.D{{Key: "history", Value: bson.D{{Key: "at", Value: old}}}}}})
	return translate("repositories.Resources.Forget", "resources", err)
}

// DeleteByCluster removes the inventory of a cluster, some records at a time, so that
// other writers need not wait.
func (r *Resources) DeleteByCluster(ctx context.Context, clusterID string) error {
	const op = "repositories.Resources.DeleteByCluster"
	filter := bson.D{{Key: "cluster_id", Value: clusterID}}
	for {
		some, err := findAll[models.ResourceHash](ctx, r.coll, op, "resources", filter,
			options.Find().SetLimit(resourcePage).SetProjection(fields("_id")))
		if err != nil || len(some) == 0 {
			return err
		}
		ids := make([]string, len(some))
		for i, s := range some {
			ids[i] = s.ID
		}
		if _, err := r.coll.DeleteMany(ctx, byIDs(ids)); err != nil {
			return translate(op, "resources", err)
		}
	}
}
