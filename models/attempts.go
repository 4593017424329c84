package models

import "time"

// FailedAttempts are those of one key. The zero value is none.
type FailedAttempts struct {
	Count int       `bson:"count"`
	Last  time.Time `bson:"last"` // by the clock of the server that counted it
}
