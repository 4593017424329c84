package repositories

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// Servers stores the sessions of the servers on one database. It is safe for
// concurrent use.
type Servers struct{ coll *mongo.Collection }

// NewServers returns the servers of db.
func NewServers(db *mongo.Database) *Servers {
	return &Servers{db.Collection(database.Servers, lasting())}
}

// lasting lets a collection show only what no change of the primary undoes.
func lasting() *options.CollectionOptionsBuilder {
	return options.Collection().SetReadConcern(readconcern.Majority())
}

// Insert stores a session. Inserting the same one again does nothing.
func (r *Servers) Insert(ctx context.Context, s models.Server) error {
	_, err := r.coll.InsertOne(ctx, s)
	if mongo.IsDuplicateKeyError(err) { // an attempt before this one arrived although its answer did not
		err = nil
	}
	return translate("repositories.Servers.Insert", "server", err)
}

// Beat stores a heartbeat. It is NotFound when the session is over.
func (r *Servers) Beat(ctx context.Context, id string, h models.Heartbeat) error {
	res, err := r.coll.UpdateOne(ctx, byID(id), bson.D{
		{Key: "$inc", Value: bson.D{{Key: "beat", Value: 1}}},
		set(bson.D{{Key: "beat_at", Value: h.At}, {Key: "seen", Value: h.Seen}, {Key: "leaving", Value: h.Leaving}})[0],
	})
	return matched("repositories.Servers.Beat", "server", res, err)
}

// List returns all sessions.
func (r *Servers) List(ctx context.Context) ([]models.Server, error) {
	return findAll[models.Server](ctx, r.coll, "repositories.Servers.List", "servers", bson.D{},
		options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
}

// End ends a session, if its heartbeat is still that. It reports whether it did.
func (r *Servers) End(ctx context.Context, id string, beat int64) (bool, error) {
	res, err := r.coll.DeleteOne(ctx, append(byID(id), bson.E{Key: "beat", Value: beat}))
	if err != nil {
		return false, translate("repositories.Servers.End", "server", err)
	}
	return res.DeletedCount > 0, nil
}

// Leave ends a session. The end of one that has ended does nothing.
func (r *Servers) Leave(ctx context.Context, id string) error {
	_, err := r.coll.DeleteOne(ctx, byID(id))
	return translate("repositories.Servers.Leave", "server", err)
}
