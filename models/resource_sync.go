package models

import "time"

// ResourceSync tells how well the inventory of a cluster is known.
type ResourceSync struct {
	ClusterID string `bson:"_id"`
	// At is when all kinds that can be read were last known to be complete.
	At time.Time `bson:"at"`
}
