package resource

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"
)

// sweepEvery is the time between two looks for what removed clusters have left.
const sweepEvery = 10 * time.Minute

// clusterIDsOf lists all clusters.
type clusterIDsOf interface {
	IDs(ctx context.Context) ([]string, error)
}

// sweptTimes lists the clusters that have, or had, an inventory.
type sweptTimes interface {
	Clusters(ctx context.Context) ([]string, error)
	Delete(ctx context.Context, clusterID string) error
}

// byCluster is what is stored for each cluster.
type byCluster interface {
	DeleteByCluster(ctx context.Context, clusterID string) error
}

// Sweeper removes the inventories of clusters that were removed. One server at a time
// runs it.
type Sweeper struct {
	Clusters clusterIDsOf
	Times    sweptTimes
	Records  byCluster
	Marks    byCluster
	Log      *slog.Logger
}

// Run removes what is left until ctx ends, and returns nil then. A cluster must have
// been gone for one round, since its holder may still be writing.
func (s *Sweeper) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var gone []string
	for {
		var err error
		if gone, err = s.sweep(ctx, gone); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "the inventories of removed clusters could not be removed", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sweep removes what is left of the clusters that were gone before, and returns those
// that are gone now.
func (s *Sweeper) sweep(ctx context.Context, before []string) (gone []string, err error) {
	there, err := s.Clusters.IDs(ctx)
	if err != nil {
		return before, err
	}
	known, err := s.Times.Clusters(ctx)
	if err != nil {
		return before, err
	}
	var errs []error
	for _, id := range known {
		if slices.Contains(there, id) {
			continue
		}
		gone = append(gone, id)
		if slices.Contains(before, id) {
			if err := errors.Join(s.Records.DeleteByCluster(ctx, id), s.Marks.DeleteByCluster(ctx, id)); err != nil {
				errs = append(errs, err)
				continue
			}
			errs = append(errs, s.Times.Delete(ctx, id))
		}
	}
	return gone, errors.Join(errs...)
}
