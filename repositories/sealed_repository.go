package repositories

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// SealedValues reads and replaces encrypted values in all collections. It is safe
// for concurrent use.
type SealedValues struct{ db *mongo.Database }

// NewSealedValues returns the encrypted values of db.
func NewSealedValues(db *mongo.Database) *SealedValues { return &SealedValues{db} }

// Count returns how many records have the field.
func (r *SealedValues) Count(ctx context.Context, f models.SealedField) (int, error) {
	n, err := r.db.Collection(f.Collection()).CountDocuments(ctx, withField(f))
	return int(n), translate("repositories.SealedValues.Count", "record", err)
}

// ListAfter returns up to limit values of the records whose id is greater than
// after, in the order of the ids; "" begins with the first.
func (r *SealedValues) ListAfter(ctx context.Context, f models.SealedField, after string, limit int) ([]models.SealedValue, error) {
	const op = "repositories.SealedValues.ListAfter"
	filter := append(withField(f), bson.E{Key: "_id", Value: bson.D{{Key: "$gt", Value: after}}})
	docs, err := findAll[bson.Raw](ctx, r.db.Collection(f.Collection()), op, "record", filter, options.Find().
		SetProjection(fields(f.Path())).SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(limit)))
	if err != nil {
		return nil, err
	}
	list := make([]models.SealedValue, len(docs))
	for i, doc := range docs {
		list[i] = models.SealedValue{ID: doc.Lookup("_id").StringValue(), Sealed: sealedIn(doc, f)}
	}
	return list, nil
}

// sealedIn returns the stored value, also when it has another type than a sealed
// value: it is then reported as damaged.
func sealedIn(doc bson.Raw, f models.SealedField) []byte {
	v, err := doc.LookupErr(strings.Split(f.Path(), ".")...)
	if err != nil || v.Type == bson.TypeNull {
		return nil
	}
	if _, data, ok := v.BinaryOK(); ok {
		return data
	}
	return v.Value
}

// Swap replaces each value if the record still has the old one, and returns how
// many it replaced.
func (r *SealedValues) Swap(ctx context.Context, f models.SealedField, swaps []models.SealedSwap) (int, error) {
	if len(swaps) == 0 {
		return 0, nil
	}
	writes := make([]mongo.WriteModel, len(swaps))
	for i, s := range swaps {
		writes[i] = mongo.NewUpdateOneModel().
			SetFilter(bson.D{{Key: "_id", Value: s.ID}, {Key: f.Path(), Value: s.Old}}).
			SetUpdate(set(bson.D{{Key: f.Path(), Value: s.New}}))
	}
	res, err := r.db.Collection(f.Collection()).BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false))
	if err != nil {
		return 0, translate("repositories.SealedValues.Swap", "record", err)
	}
	return int(res.ModifiedCount), nil
}

// sealingKeysID is the id of the document with the keys that servers have used.
const sealingKeysID = "sealing_keys"

// Announce stores that a server has begun to encrypt with the key of that id.
func (r *SealedValues) Announce(ctx context.Context, key string, at time.Time) error {
	_, err := r.db.Collection(database.Settings).UpdateOne(ctx, byID(sealingKeysID),
		set(bson.D{{Key: "since." + key, Value: at}}), options.UpdateOne().SetUpsert(true))
	return translate("repositories.SealedValues.Announce", "setting", err)
}

// Announced returns the ids of the keys that servers have begun to encrypt with.
func (r *SealedValues) Announced(ctx context.Context) ([]string, error) {
	var doc struct {
		Since map[string]time.Time `bson:"since"`
	}
	err := r.db.Collection(database.Settings).FindOne(ctx, byID(sealingKeysID)).Decode(&doc)
	if errors.Is(err, mongo.ErrNoDocuments) {
		err = nil
	}
	return slices.Sorted(maps.Keys(doc.Since)), translate("repositories.SealedValues.Announced", "setting", err)
}

func withField(f models.SealedField) bson.D {
	return bson.D{{Key: f.Path(), Value: bson.D{{Key: "$exists", Value: true}}}}
}
