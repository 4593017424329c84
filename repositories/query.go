package repositories

import (
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

func byID(id string) bson.D { return bson.D{{Key: "_id", Value: id}} }

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

// matched turns an update that found no document into NotFound.
func matched(op, what string, res *mongo.UpdateResult, err error) error {
	if err == nil && res.MatchedCount == 0 {
		err = mongo.ErrNoDocuments
	}
	return translate(op, what, err)
}
