package repositories

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func byID(id string) bson.D { return bson.D{{Key: "_id", Value: id}} }

func byIDs(ids []string) bson.D {
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
}

// set is an update that changes the given fields and no other.
func set(fields bson.D) bson.D { return bson.D{{Key: "$set", Value: fields}} }

// fields is a projection that reads the named fields and the id.
func fields(names ...string) bson.D {
	d := make(bson.D, len(names))
	for i, n := range names {
		d[i] = bson.E{Key: n, Value: 1}
	}
	return d
}

// found returns all documents that filter matches, never nil.
func found[T any](
	ctx context.Context, coll *mongo.Collection, op, what string, filter bson.D, o ...options.Lister[options.FindOptions],
) ([]T, error) {
	cur, err := coll.Find(ctx, filter, o...)
	if err != nil {
		return nil, translate(op, what, err)
	}
	list := []T{}
	return list, translate(op, what, cur.All(ctx, &list))
}

// onPage reads one page of what a query finds. Pages count from 1.
func onPage(page, limit int) *options.FindOptionsBuilder {
	return options.Find().SetSkip(int64(page-1) * int64(limit)).SetLimit(int64(limit))
}

// matched turns an update that found no document into NotFound.
func matched(op, what string, res *mongo.UpdateResult, err error) error {
	if err == nil && res.MatchedCount == 0 {
		err = mongo.ErrNoDocuments
	}
	return translate(op, what, err)
}
