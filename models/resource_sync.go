package models

import "time"

// ResourceSync tells how well the inventory of a cluster is known.
type ResourceSync struct {
	ClusterID string `bson:"_id"`
	// At is when all kinds but those in Failed were last known to be complete.
	At     time.Time         `bson:"at"`
	Failed map[string]string `bson:"failed,omitempty"` // why a kind cannot be read, by its plural name
}
