package database

import (
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
)

// MongoDB's codes for what an operator has to do something about.
const (
	codeDataCorruption = 364
	codeOutOfDiskSpace = 14031
)

// awayCodes are MongoDB's codes for a server that cannot serve at the moment: a
// member that is no primary or stops being one, a member that others do not
// confirm writes to, and cursors that were lost with their server.
func awayCodes() []int {
	return []int{
		6,     // HostUnreachable
		7,     // HostNotFound
		43,    // CursorNotFound
		64,    // WriteConcernTimeout
		89,    // NetworkTimeout
		91,    // ShutdownInProgress
		100,   // UnsatisfiableWriteConcern
		134,   // ReadConcernMajorityNotAvailableYet
		175,   // QueryPlanKilled
		189,   // PrimarySteppedDown
		237,   // CursorKilled
		262,   // ExceededTimeLimit
		9001,  // SocketException
		10058, // LegacyNotPrimary
		10107, // NotWritablePrimary
		11600, // InterruptedAtShutdown
		11602, // InterruptedDueToReplStateChange
		13435, // NotPrimaryNoSecondaryOk
		13436, // NotPrimaryOrSecondary
	}
}

// IsOutOfSpace reports whether err says that a write was refused because the
// disk is full. Nothing of it was written; reading goes on.
func IsOutOfSpace(err error) bool { return hasCode(err, codeOutOfDiskSpace) }

// IsDamaged reports whether err says that a part of the stored data cannot be
// read any more. The rest of it can.
func IsDamaged(err error) bool { return hasCode(err, codeDataCorruption) }

// IsAway reports whether err says that there was no database to answer: it cannot
// be reached, has no primary, or stops. Trying again helps once it is back. A
// write may have been done or not.
func IsAway(err error) bool {
	if _, ok := errors.AsType[topology.ServerSelectionError](err); ok {
		return true
	}
	if _, ok := errors.AsType[topology.ConnectionError](err); ok {
		return true
	}
	var cleared driver.RetryablePoolError // all connections were given up while this one waited
	return errors.As(err, &cleared) || mongo.IsNetworkError(err) || errors.Is(err, mongo.ErrClientDisconnected) || hasCode(err, awayCodes()...)
}

func hasCode(err error, codes ...int) bool {
	e, ok := errors.AsType[mongo.ServerError](err)
	return ok && slices.ContainsFunc(codes, e.HasErrorCode)
}
