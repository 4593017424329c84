package repositories

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// maxNetworks is how many networks are kept of an account, the last ones.
const maxNetworks = 16

// AddNetwork adds to the networks that an account has logged in from, unless it is
// among them.
func (r *Users) AddNetwork(ctx context.Context, userID, network string) error {
	filter := append(byID(userID), bson.E{Key: "networks", Value: bson.D{{Key: "$ne", Value: network}}})
	last := bson.D{{Key: "$each", Value: bson.A{network}}, {Key: "$slice", Value: -maxNetworks}}
	_, err := r.coll.UpdateOne(ctx, filter, bson.D{{Key: "$push", Value: bson.D{{Key: "networks", Value: last}}}})
	return translate("repositories.Users.AddNetwork", "user", err)
}
