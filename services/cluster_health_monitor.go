package services

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/kubeorch/core/models"
)

// clusterLister names the clusters to look after.
type clusterLister interface {
	All(ctx context.Context) ([]models.Cluster, error)
}

// clusterChecker tests one cluster and stores the outcome.
type clusterChecker interface {
	CheckHealth(ctx context.Context, c models.Cluster) error
}

// MonitorOptions tune a ClusterHealthMonitor.
type MonitorOptions struct {
	Every    time.Duration // between two rounds
	AtOnce   int           // clusters tested at the same time
	Deadline time.Duration // for one cluster
}

// DefaultMonitorOptions returns what the server uses.
func DefaultMonitorOptions() MonitorOptions {
	return MonitorOptions{Every: time.Minute, AtOnce: 5, Deadline: 20 * time.Second}
}

// ClusterHealthMonitor tests every cluster again and again.
type ClusterHealthMonitor struct {
	clusters clusterLister
	checker  clusterChecker
	opts     MonitorOptions
	log      *slog.Logger
}

// NewClusterHealthMonitor returns a monitor that does nothing before Run.
func NewClusterHealthMonitor(clusters clusterLister, checker clusterChecker, opts MonitorOptions, log *slog.Logger) *ClusterHealthMonitor {
	return &ClusterHealthMonitor{clusters: clusters, checker: checker, opts: opts, log: log}
}

// Run tests all clusters once each round until ctx ends, and then returns nil
// when the last test has ended. Rounds never overlap; within a round the
// tests are spread at random over half of it. One failed test, or a panic in
// it, does not stop the others.
func (m *ClusterHealthMonitor) Run(ctx context.Context) error {
	tick := time.NewTicker(m.opts.Every)
	defer tick.Stop()
	for {
		m.round(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (m *ClusterHealthMonitor) round(ctx context.Context) {
	list, err := m.clusters.All(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.log.WarnContext(ctx, "clusters to check could not be listed", "err", err)
		}
		return
	}
	slots := semaphore.NewWeighted(int64(max(1, m.opts.AtOnce)))
	var all sync.WaitGroup
	defer all.Wait()
	for _, c := range list {
		all.Go(func() {
			if !pause(ctx, rand.N(m.opts.Every/2)) || slots.Acquire(ctx, 1) != nil { //nolint:gosec // jitter needs no secrecy
				return
			}
			defer slots.Release(1)
			m.check(ctx, c)
		})
	}
}

func (m *ClusterHealthMonitor) check(ctx context.Context, c models.Cluster) {
	defer func() {
		if p := recover(); p != nil {
			m.log.ErrorContext(ctx, "panic in a cluster check", "cluster", c.ID, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, m.opts.Deadline)
	defer cancel()
	if err := m.checker.CheckHealth(ctx, c); err != nil && ctx.Err() == nil {
		m.log.WarnContext(ctx, "the outcome of a cluster check could not be stored", "cluster", c.ID, "err", err)
	}
}

// pause returns false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
