package models

import "time"

// Now is the present at the precision that is stored, so that an answer to a
// write equals what is read later.
func Now() time.Time { return StoredTime(time.Now()) }

// StoredTime is t in UTC at that precision, a millisecond.
func StoredTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
