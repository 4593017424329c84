package repositories

import (
	"context"
	"regexp"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

// Page returns the accounts that q selects, the newest first, and how many
// there are on all pages.
func (r *Users) Page(ctx context.Context, q models.UserQuery) (list []models.User, total int64, err error) {
	const op = "repositories.Users.Page"
	filter := userFilter(q)
	if total, err = r.coll.CountDocuments(ctx, filter); err != nil {
		return nil, 0, translate(op, "user", err)
	}
	list, err = findAll[models.User](ctx, r.coll, op, "user", filter,
		pageOf(q.Page, q.Limit).SetSort(bson.D{{Key: "created_at", Value: -1}, {Key: "_id", Value: -1}}))
	return list, total, err
}

func userFilter(q models.UserQuery) bson.D {
	filter := bson.D{has("email")}
	if q.Search != "" {
		part := bson.D{{Key: "$regex", Value: regexp.QuoteMeta(q.Search)}, {Key: "$options", Value: "i"}}
		filter = append(filter, bson.E{Key: "$or", Value: bson.A{
			bson.D{{Key: "email", Value: part}}, bson.D{{Key: "name", Value: part}},
		}})
	}
	if q.Role != "" {
		filter = append(filter, bson.E{Key: "role", Value: q.Role})
	}
	switch q.Status {
	case models.UserActive:
		filter = append(filter, enabled())
	case models.UserDisabled:
		filter = append(filter, bson.E{Key: "disabled", Value: true})
	}
	return filter
}

// Change changes an account that is not an active administrator. Other accounts,
// and deleted ones, are a Conflict: the caller reads the account again.
func (r *Users) Change(ctx context.Context, id string, c models.AccountChange) (models.User, error) {
	return r.change(ctx, "repositories.Users.Change", append(account(id), bson.E{Key: "$or", Value: bson.A{
		bson.D{{Key: "role", Value: bson.D{{Key: "$ne", Value: models.RoleAdmin}}}}, bson.D{{Key: "disabled", Value: true}},
	}}), c)
}

// StepDown applies c, after which the account is no active administrator. It is a
// Conflict when mark is no longer on the account.
func (r *Users) StepDown(ctx context.Context, id, mark string, c models.AccountChange) (models.User, error) {
	return r.change(ctx, "repositories.Users.StepDown", append(byID(id), bson.E{Key: "leaving.mark", Value: mark}), c)
}

func (r *Users) change(ctx context.Context, op string, filter bson.D, c models.AccountChange) (models.User, error) {
	fields := bson.D{{Key: "updated_at", Value: c.At}}
	if c.Role != nil {
		fields = append(fields, bson.E{Key: "role", Value: *c.Role})
	}
	if c.Disabled != nil {
		fields = append(fields, bson.E{Key: "disabled", Value: *c.Disabled})
	}
	if c.Deleting != nil {
		fields = append(fields, bson.E{Key: "deleting", Value: *c.Deleting})
	}
	unset, change := bson.D{{Key: "leaving", Value: 1}}, set(fields)
	if c.EndSessions {
		unset, change = append(unset, bson.E{Key: "kept_session", Value: 1}), newEpoch(fields)
	}
	var u models.User
	err := r.coll.FindOneAndUpdate(ctx, filter, append(change, bson.E{Key: "$unset", Value: unset}),
		options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&u)
	err = translate(op, "user", err)
	if models.KindOf(err) == models.NotFound {
		return u, &models.Error{Op: op, Kind: models.Conflict, Msg: "the account was changed by somebody else just now", Err: err}
	}
	return u, err
}

// MarkStepDown puts mark on an active administrator. It reports false when the
// account has a mark already, or is not an active administrator.
func (r *Users) MarkStepDown(ctx context.Context, id, mark string, at time.Time) (bool, error) {
	filter := append(remainingAdmins(), byID(id)...)
	leaving := bson.D{{Key: "mark", Value: mark}, {Key: "at", Value: at}}
	res, err := r.coll.UpdateOne(ctx, filter, set(bson.D{{Key: "leaving", Value: leaving}}))
	if err != nil {
		return false, translate("repositories.Users.MarkStepDown", "user", err)
	}
	return res.MatchedCount == 1, nil
}

// ClearStepDown removes mark, and marks from before that time, whose servers must
// have crashed: StepDown with a removed mark fails.
func (r *Users) ClearStepDown(ctx context.Context, mark string, before time.Time) error {
	filter := bson.D{{Key: "$or", Value: bson.A{
		bson.D{{Key: "leaving.mark", Value: mark}},
		bson.D{{Key: "leaving.at", Value: bson.D{{Key: "$lt", Value: before}}}},
	}}}
	_, err := r.coll.UpdateMany(ctx, filter, bson.D{{Key: "$unset", Value: bson.D{{Key: "leaving", Value: 1}}}})
	return translate("repositories.Users.ClearStepDown", "user", err)
}

// CountAdmins counts the active administrators without a mark, and the marked ones.
func (r *Users) CountAdmins(ctx context.Context) (stay, leave int64, err error) {
	const op = "repositories.Users.CountAdmins"
	if stay, err = r.coll.CountDocuments(ctx, remainingAdmins()); err != nil {
		return 0, 0, translate(op, "user", err)
	}
	leave, err = r.coll.CountDocuments(ctx, bson.D{has("leaving")})
	return stay, leave, translate(op, "user", err)
}

// Remove deletes an account. The very first account leaves an empty document that
// keeps its admin_slot, so that a later sign-up cannot become an administrator.
func (r *Users) Remove(ctx context.Context, id string, at time.Time) error {
	const op = "repositories.Users.Remove"
	first := append(byID(id), bson.E{Key: "admin_slot", Value: true})
	res, err := r.coll.ReplaceOne(ctx, first, bson.D{{Key: "admin_slot", Value: true}, {Key: "deleted_at", Value: at}})
	if err != nil || res.MatchedCount == 1 {
		return translate(op, "user", err)
	}
	_, err = r.coll.DeleteOne(ctx, byID(id))
	return translate(op, "user", err)
}

// remainingAdmins matches active administrators without a mark.
func remainingAdmins() bson.D {
	return bson.D{
		{Key: "role", Value: models.RoleAdmin}, enabled(),
		{Key: "leaving", Value: bson.D{{Key: "$exists", Value: false}}},
	}
}

func enabled() bson.E { return bson.E{Key: "disabled", Value: bson.D{{Key: "$ne", Value: true}}} }

// has matches documents with the field.
func has(field string) bson.E {
	return bson.E{Key: field, Value: bson.D{{Key: "$exists", Value: true}}}
}
