package repositories

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

// People returns the names and addresses of accounts by their ids. Ids of
// nobody are left out.
func (r *Users) People(ctx context.Context, ids []string) (map[string]models.Person, error) {
	const op = "repositories.Users.People"
	people := make(map[string]models.Person, len(ids))
	if len(ids) == 0 {
		return people, nil
	}
	users, err := found[models.User](ctx, r.coll, op, "user", byIDs(ids), options.Find().SetProjection(fields("name", "email")))
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		people[u.ID] = models.Person{ID: u.ID, Name: u.Name, Email: u.Email}
	}
	return people, nil
}
