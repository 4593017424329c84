package database

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	// schemaID is the document about the form of the stored data, in Settings.
	schemaID = "schema"

	// schemaVersion is the form in which this version stores its data.
	schemaVersion = 2
	// schemaOldest is the oldest form whose servers still work with that data, so
	// that servers of two neighbouring versions run side by side. What they need is
	// removed by a later version.
	schemaOldest = 1
)

// codeIndexNotFound is MongoDB's code for dropping an index that is not there.
const codeIndexNotFound = 27

// ErrNewerSchema is wrapped by the error about a database that a version too new for
// this one has changed.
var ErrNewerSchema = errors.New("the database was changed by a newer version of the server")

// schema says in which form the data is, and which forms' servers may work with it.
type schema struct {
	Version int `bson:"version"`
	Oldest  int `bson:"oldest"` // 0: one less than Version
}

// migration changes data to the form version. It bears being repeated, and servers
// of the version before work on meanwhile.
type migration struct {
	version int
	change  func(ctx context.Context, db *mongo.Database) error
}

func migrations() []migration {
	return []migration{
		{2, func(ctx context.Context, db *mongo.Database) error { return dropIndex(ctx, db, Runs, "lease_until_1") }},
	}
}

// CheckSchema returns an error that wraps ErrNewerSchema if this version does not
// understand the stored data. It writes nothing.
func (d *DB) CheckSchema(ctx context.Context) error {
	_, err := d.schema(ctx)
	return err
}

func (d *DB) schema(ctx context.Context) (schema, error) {
	var s schema
	err := d.db.Collection(Settings).FindOne(ctx, bson.D{{Key: "_id", Value: schemaID}}).Decode(&s)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return s, fmt.Errorf("schema of the database: %w", err)
	}
	if s.Oldest == 0 {
		s.Oldest = s.Version - 1
	}
	if s.Oldest > schemaVersion {
		return s, fmt.Errorf("%w: its schema %d needs a server that knows schema %d, and this one knows schema %d; start a newer version",
			ErrNewerSchema, s.Version, s.Oldest, schemaVersion)
	}
	return s, nil
}

// Migrate brings the data and the indexes into the form of this version, unless they
// are in a newer one. One server at a time may call it.
func (d *DB) Migrate(ctx context.Context) error {
	s, err := d.schema(ctx)
	if err != nil || s.Version > schemaVersion {
		return err
	}
	if err := d.EnsureIndexes(ctx); err != nil {
		return err
	}
	for _, m := range migrations() {
		if m.version <= s.Version {
			continue
		}
		if err := m.change(ctx, d.db); err != nil {
			return fmt.Errorf("bring the database to schema %d: %w", m.version, err)
		}
	}
	if s.Version == schemaVersion {
		return nil
	}
	_, err = d.db.Collection(Settings).UpdateOne(ctx, bson.D{{Key: "_id", Value: schemaID}},
		bson.D{{Key: "$set", Value: schema{Version: schemaVersion, Oldest: schemaOldest}}}, options.UpdateOne().SetUpsert(true))
	return err
}

// dropIndex drops an index that nothing needs any more.
func dropIndex(ctx context.Context, db *mongo.Database, collection, name string) error {
	err := db.Collection(collection).Indexes().DropOne(ctx, name)
	if hasCode(err, codeIndexNotFound) {
		return nil
	}
	return err
}
