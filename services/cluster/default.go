package cluster

import (
	"context"

	"github.com/kubeorch/core/models"
)

// replaceDefaults gives another default to the users whose default is a cluster
// that they lose. It is called after they have lost it.
func replaceDefaults(ctx context.Context, access *Access, d defaults, clusterID string) error {
	users, err := d.Users(ctx, clusterID)
	if err != nil {
		return err
	}
	for _, u := range users {
		if err := replaceDefault(ctx, access, d, u, clusterID); err != nil {
			return err
		}
	}
	return nil
}

// replaceDefault takes a default away from a user, if it is that cluster, and
// makes the next one their default.
func replaceDefault(ctx context.Context, access *Access, d defaults, userID, clusterID string) error {
	current, err := d.ByUser(ctx, userID)
	if err != nil || current != clusterID {
		return err
	}
	if err := d.Clear(ctx, userID, clusterID); err != nil {
		return err
	}
	grants, err := access.List(ctx, userID)
	if err != nil {
		return err
	}
	if next := nextDefault(grants, clusterID); next != "" {
		_, err = d.SetIfNone(ctx, userID, next)
	}
	return err
}

// nextDefault returns the id of the oldest own cluster among grants, which list
// the newest first, or else of the oldest shared one. It passes over the cluster
// that is lost.
func nextDefault(grants []models.ClusterGrant, lost string) (id string) {
	owned := false
	for _, g := range grants {
		if g.Cluster.ID != lost && (g.Owned() || !owned) {
			id, owned = g.Cluster.ID, g.Owned()
		}
	}
	return id
}
