package repositories

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

// People returns the names and addresses of accounts by their ids. Ids of
// nobody are left out.
func (r *Users) People(ctx context.Context, ids []string) (map[string]models.Person, error) {
	const op = "repositories.Users.People"
	found := make(map[string]models.Person, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	cur, err := r.coll.Find(ctx, anyOf("_id", ids), options.Find().SetProjection(fields("name", "email")))
	if err != nil {
		return nil, translate(op, "user", err)
	}
	var users []models.User
	if err := cur.All(ctx, &users); err != nil {
		return nil, translate(op, "user", err)
	}
	for _, u := range users {
		found[u.ID] = models.Person{ID: u.ID, Name: u.Name, Email: u.Email}
	}
	return found, nil
}

// anyOf matches documents whose field is one of values.
func anyOf(field string, values []string) bson.D {
	return bson.D{{Key: field, Value: bson.D{{Key: "$in", Value: values}}}}
}
