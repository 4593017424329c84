package repositories

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// ResourceMarks stores what users noted about resources. It is safe for concurrent use.
type ResourceMarks struct{ coll *mongo.Collection }

// NewResourceMarks returns the marks of db.
func NewResourceMarks(db *mongo.Database) *ResourceMarks {
	return &ResourceMarks{db.Collection(database.ResourceMarks)}
}

func markID(userID, resourceID string) string { return userID + "/" + resourceID }

// Of returns the marks of a user on the given resources, by their ids.
func (r *ResourceMarks) Of(ctx context.Context, userID string, resourceIDs []string) (map[string]models.ResourceMark, error) {
	ids := make([]string, len(resourceIDs))
	for i, id := range resourceIDs {
		ids[i] = markID(userID, id)
	}
	list, err := findAll[models.ResourceMark](ctx, r.coll, "repositories.ResourceMarks.Of", "marks", byIDs(ids))
	marks := make(map[string]models.ResourceMark, len(list))
	for _, m := range list {
		marks[m.ResourceID] = m
	}
	return marks, err
}

// Set changes the fields of in that are not nil in the mark of m's user on m's
// resource, which is made where it is missing.
func (r *ResourceMarks) Set(ctx context.Context, m models.ResourceMark, in models.ResourceMarkInput) error {
	change := bson.D{
		{Key: "user_id", Value: m.UserID}, {Key: "resource_id", Value: m.ResourceID}, {Key: "cluster_id", Value: m.ClusterID},
	}
	if in.Favorite != nil {
		change = append(change, bson.E{Key: "favorite", Value: *in.Favorite})
	}
	if in.Tags != nil {
		change = append(change, bson.E{Key: "tags", Value: *in.Tags})
	}
	if in.Notes != nil {
		change = append(change, bson.E{Key: "notes", Value: *in.Notes})
	}
	_, err := r.coll.UpdateOne(ctx, byID(markID(m.UserID, m.ResourceID)), set(change), options.UpdateOne().SetUpsert(true))
	return translate("repositories.ResourceMarks.Set", "mark", err)
}

// Count returns how many marks a user has.
func (r *ResourceMarks) Count(ctx context.Context, userID string) (int64, error) {
	n, err := r.coll.CountDocuments(ctx, bson.D{{Key: "user_id", Value: userID}})
	return n, translate("repositories.ResourceMarks.Count", "marks", err)
}

// Marked returns the ids of all resources that a user has marked.
func (r *ResourceMarks) Marked(ctx context.Context, userID string) ([]string, error) {
	list, err := findAll[models.ResourceMark](ctx, r.coll, "repositories.ResourceMarks.Marked", "marks",
		bson.D{{Key: "user_id", Value: userID}}, options.Find().SetProjection(fields("resource_id")))
	ids := make([]string, len(list))
	for i, m := range list {
		ids[i] = m.ResourceID
	}
	return ids, err
}

// Delete removes the marks of a user on resources, where there are any.
func (r *ResourceMarks) Delete(ctx context.Context, userID string, resourceIDs ...string) error {
	ids := make([]string, len(resourceIDs))
	for i, id := range resourceIDs {
		ids[i] = markID(userID, id)
	}
	_, err := r.coll.DeleteMany(ctx, byIDs(ids))
	return translate("repositories.ResourceMarks.Delete", "marks", err)
}

// DeleteByUser removes all of a user's marks.
func (r *ResourceMarks) DeleteByUser(ctx context.Context, userID string) error {
	_, err := r.coll.DeleteMany(ctx, bson.D{{Key: "user_id", Value: userID}})
	return translate("repositories.ResourceMarks.DeleteByUser", "marks", err)
}

// DeleteByCluster removes the marks on a cluster's resources.
func (r *ResourceMarks) DeleteByCluster(ctx context.Context, clusterID string) error {
	_, err := r.coll.DeleteMany(ctx, bson.D{{Key: "cluster_id", Value: clusterID}})
	return translate("repositories.ResourceMarks.DeleteByCluster", "marks", err)
}
