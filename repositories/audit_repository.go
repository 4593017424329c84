package repositories

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// Audit stores the audit trail. A TTL index deletes old entries. It is safe for
// concurrent use.
type Audit struct{ coll *mongo.Collection }

// NewAudit returns the audit trail of db.
func NewAudit(db *mongo.Database) *Audit { return &Audit{db.Collection(database.Audit)} }

// auditDocument is an entry with the fields that queries filter by.
type auditDocument struct {
	models.AuditEntry `bson:",inline"`
	Area              string   `bson:"area"`
	Targets           []string `bson:"targets,omitempty"`
}

func newAuditDocument(e models.AuditEntry) auditDocument {
	return auditDocument{e, e.Area(), slices.Sorted(maps.Values(e.Target))}
}

// Add stores a new entry.
func (r *Audit) Add(ctx context.Context, e models.AuditEntry) error {
	_, err := r.coll.InsertOne(ctx, newAuditDocument(e))
	return translate("repositories.Audit.Add", "entry", err)
}

// Increment stores e, or increments the count of the entry with its id.
func (r *Audit) Increment(ctx context.Context, e models.AuditEntry) error {
	e.Count, e.LastAt = 0, nil // set by $inc and $max below
	change := bson.D{
		{Key: "$setOnInsert", Value: newAuditDocument(e)},
		{Key: "$inc", Value: bson.D{{Key: "count", Value: 1}}},
		{Key: "$max", Value: bson.D{{Key: "last_at", Value: e.At}}},
	}
	_, err := r.coll.UpdateOne(ctx, byID(e.ID), change, options.UpdateOne().SetUpsert(true))
	if mongo.IsDuplicateKeyError(err) { // another call has inserted it
		_, err = r.coll.UpdateOne(ctx, byID(e.ID), change)
	}
	return translate("repositories.Audit.Increment", "entry", err)
}

// List returns one page of the entries that f selects, the newest first, and
// how many there are, counted up to models.MaxAuditTotal.
func (r *Audit) List(ctx context.Context, f models.AuditFilter) (models.AuditPage, error) {
	const op = "repositories.Audit.List"
	page := models.AuditPage{Page: f.Page, Limit: f.Limit}
	filter := auditFilter(f)
	var err error
	page.Total, err = r.coll.CountDocuments(ctx, filter, options.Count().SetLimit(models.MaxAuditTotal))
	if err != nil {
		return page, translate(op, "entries", err)
	}
	page.Entries, err = findAll[models.AuditEntry](ctx, r.coll, op, "entries", filter, pageOf(f.Page, f.Limit).
		SetSort(bson.D{{Key: "at", Value: -1}, {Key: "_id", Value: -1}}).
		SetProjection(bson.D{{Key: "area", Value: 0}, {Key: "targets", Value: 0}}))
	return page, err
}

func auditFilter(f models.AuditFilter) bson.D {
	filter := bson.D{}
	for _, field := range []struct{ name, value string }{
		{"actor_id", f.ActorID}, {"actor", f.Actor}, {"action", f.Action}, {"area", f.Area},
		{"outcome", f.Outcome}, {"targets", f.Target}, {"address", f.Address},
	} {
		if field.value != "" {
			filter = append(filter, bson.E{Key: field.name, Value: field.value})
		}
	}
	var at bson.D
	for _, bound := range []struct {
		op   string
		time time.Time
	}{{"$gte", f.From}, {"$lt", f.To}} {
		if !bound.time.IsZero() {
			at = append(at, bson.E{Key: bound.op, Value: bound.time})
		}
	}
	if at != nil {
		filter = append(filter, bson.E{Key: "at", Value: at})
	}
	return filter
}
