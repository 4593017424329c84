package database

import (
	"errors"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

// MongoDB's codes for what an operator has to do something about.
const (
	codeDataCorruption = 364
	codeOutOfDiskSpace = 14031
)

// IsOutOfSpace reports whether err says that a write was refused because the
// disk is full. Nothing of it was written; reading goes on.
func IsOutOfSpace(err error) bool { return hasCode(err, codeOutOfDiskSpace) }

// IsDamaged reports whether err says that a part of the stored data cannot be
// read any more. The rest of it can.
func IsDamaged(err error) bool { return hasCode(err, codeDataCorruption) }

func hasCode(err error, code int) bool {
	e, ok := errors.AsType[mongo.ServerError](err)
	return ok && e.HasErrorCode(code)
}
