package repositories

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// SwapCredentials stores fresh in place of the sealed credentials old, and
// reports false when others are stored or the cluster is gone. Nothing else of
// the cluster changes, the version of its credentials included.
func (r *Clusters) SwapCredentials(ctx context.Context, id string, old, fresh []byte) (bool, error) {
	res, err := r.coll.UpdateOne(ctx, bson.D{{Key: "_id", Value: id}, {Key: "credentials", Value: old}},
		set(bson.D{{Key: "credentials", Value: fresh}}))
	if err != nil {
		return false, translate("repositories.Clusters.SwapCredentials", "cluster", err)
	}
	return res.MatchedCount > 0, nil
}
