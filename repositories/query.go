package repositories

import (
	"context"
	"encoding/binary"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

func byID(id string) bson.D { return bson.D{{Key: "_id", Value: id}} }

func byIDs(ids []string) bson.D {
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
}

// set is an update that changes the given fields and no other.
func set(fields bson.D) bson.D { return bson.D{{Key: "$set", Value: fields}} }

// fields is a projection to the named fields and the id.
func fields(names ...string) bson.D {
	d := make(bson.D, len(names))
	for i, n := range names {
		d[i] = bson.E{Key: n, Value: 1}
	}
	return d
}

// findAll returns all documents that filter matches, never nil.
func findAll[T any](
	ctx context.Context, coll *mongo.Collection, op, what string, filter bson.D, o ...options.Lister[options.FindOptions],
) ([]T, error) {
	cur, err := coll.Find(ctx, filter, o...)
	if err != nil {
		return nil, translate(op, what, err)
	}
	list := []T{}
	return list, translate(op, what, cur.All(ctx, &list))
}

// find returns all documents that filter matches, and before if it holds the same.
func find[T any](
	ctx context.Context, coll *mongo.Collection, op, what string, filter bson.D, before models.Found[T],
	o ...options.Lister[options.FindOptions],
) (models.Found[T], error) {
	cur, err := coll.Find(ctx, filter, o...)
	if err != nil {
		return before, translate(op, what, err)
	}
	now := models.Refind(before, func(raw []byte) (list []T, err error) {
		for len(raw) > 0 && err == nil {
			var doc T
			size := binary.LittleEndian.Uint32(raw)
			err = bson.Unmarshal(raw[:size], &doc)
			list, raw = append(list, doc), raw[size:]
		}
		return list, translate(op, what, err)
	})
	for cur.Next(ctx) {
		now.Add(cur.Current)
	}
	if err := errors.Join(cur.Err(), cur.Close(ctx)); err != nil {
		return before, translate(op, what, err)
	}
	return now.Found(), nil
}

// pageOf are the options for one page of a query. Pages count from 1.
func pageOf(page, limit int) *options.FindOptionsBuilder {
	return options.Find().SetSkip(int64(page-1) * int64(limit)).SetLimit(int64(limit))
}

// matched returns NotFound for an update that matched no document.
func matched(op, what string, res *mongo.UpdateResult, err error) error {
	if err == nil && res.MatchedCount == 0 {
		err = mongo.ErrNoDocuments
	}
	return translate(op, what, err)
}

// ownedItems counts the documents that filter matches and lists the first ones
// by name.
func ownedItems(ctx context.Context, coll *mongo.Collection, op string, filter bson.D, limit int) (models.OwnedItems, error) {
	count, err := coll.CountDocuments(ctx, filter)
	if err != nil {
		return models.OwnedItems{}, translate(op, "owned", err)
	}
	items, err := findAll[models.OwnedItem](ctx, coll, op, "owned", filter, options.Find().
		SetSort(bson.D{{Key: "name", Value: 1}, {Key: "_id", Value: 1}}).SetLimit(int64(limit)).SetProjection(fields("name")))
	return models.OwnedItems{Count: count, Items: items}, err
}
