// Package repositories gives typed access to the collections, a type for each.
package repositories

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// awayRetry is when a request may be repeated that found no database: an election
// takes some seconds.
const awayRetry = 5 * time.Second

// translate turns the driver's errors into domain errors. Domain errors are
// returned unchanged.
func translate(op, what string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*models.Error](err); ok {
		return err
	}
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return &models.Error{Op: op, Kind: models.NotFound, Msg: what + " not found", Err: err}
	case mongo.IsDuplicateKeyError(err):
		return &models.Error{Op: op, Kind: models.Conflict, Msg: what + " already exists", Err: err}
	case database.IsAway(err):
		return &models.Error{Op: op, Kind: models.Unavailable, RetryAfter: awayRetry, Msg: "the database cannot be reached", Err: err}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), mongo.IsTimeout(err):
		return &models.Error{Op: op, Kind: models.Unavailable, RetryAfter: awayRetry, Msg: "the database did not answer in time", Err: err}
	case database.IsOutOfSpace(err):
		return &models.Error{
			Op: op, Kind: models.InsufficientStorage, Err: err,
			Msg: "the disk of the database is full, so nothing was stored; an operator has to free space",
		}
	case database.IsDamaged(err):
		return &models.Error{Op: op, Kind: models.Unavailable, Msg: "a part of the stored data is damaged; an operator has to restore a backup", Err: err}
	}
	return &models.Error{Op: op, Err: err}
}
