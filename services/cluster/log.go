package cluster

import (
	"context"
	"log/slog"
	"time"

	"github.com/kubeorch/core/models"
)

// logTime is how long an entry may take: it is not to hold up what it
// tells of.
const logTime = 5 * time.Second

// logStore keeps the logs of clusters.
type logStore interface {
	Add(ctx context.Context, e models.ClusterLogEntry) error
	List(ctx context.Context, clusterID string, limit int) ([]models.ClusterLogEntry, error)
	DeleteByCluster(ctx context.Context, clusterID string) error
}

// Log writes down what people do with clusters and what becomes of
// them. It is safe for concurrent use.
type Log struct {
	store logStore
	log   *slog.Logger
	now   func() time.Time
}

// NewLog returns the log that store keeps.
func NewLog(store logStore, log *slog.Logger) *Log {
	return &Log{store: store, log: log, now: time.Now}
}

// Add writes e down, also when ctx has ended: what it tells of has happened.
// ClusterID, Action, Message and Success are the caller's, and Error is set
// where Success is false. The rest is filled in where it is empty, the user from
// ctx. That an entry cannot be stored is logged and harms nothing else.
func (l *Log) Add(ctx context.Context, e models.ClusterLogEntry) {
	if who, ok := models.IdentityFrom(ctx); ok && e.UserID == "" {
		e.UserID = who.UserID
	}
	l.write(ctx, e)
}

func (l *Log) write(ctx context.Context, e models.ClusterLogEntry) {
	if e.ID == "" {
		e.ID = models.NewID()
	}
	if e.Timestamp.IsZero() {
		e.Timestamp = l.now().UTC()
	}
	if e.Level == "" {
		e.Level = models.LogInfo
		if !e.Success {
			e.Level = models.LogError
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logTime)
	defer cancel()
	if err := l.store.Add(ctx, e); err != nil {
		l.log.WarnContext(ctx, "an entry of a cluster's log was lost", "cluster", e.ClusterID, "action", e.Action, "err", err)
	}
}

// Changed writes down that a check found c in another state than before.
func (l *Log) Changed(ctx context.Context, c models.Cluster) {
	e := models.ClusterLogEntry{
		ClusterID: c.ID, Action: models.ClusterLogStatus, Success: c.Status == models.ClusterConnected, Error: c.LastError,
		Message: "the cluster is " + c.Status, Details: map[string]string{"status": c.Status}, Level: models.LogInfo,
	}
	switch c.Status {
	case models.ClusterDisconnected:
		e.Level = models.LogWarning
	case models.ClusterError:
		e.Level, e.Message = models.LogError, "the cluster answers, but something is wrong"
	}
	l.write(ctx, e)
}

// Removed forgets the log of a cluster that was removed.
func (l *Log) Removed(ctx context.Context, c models.Cluster) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logTime)
	defer cancel()
	if err := l.store.DeleteByCluster(ctx, c.ID); err != nil {
		l.log.WarnContext(ctx, "the log of a removed cluster stays until it expires", "cluster", c.ID, "err", err)
	}
}

// AllNews passes news of clusters on to each of its parts, in their order.
type AllNews []news

// Changed is called for a cluster that a check found in another state.
func (n AllNews) Changed(ctx context.Context, c models.Cluster) {
	for _, part := range n {
		part.Changed(ctx, c)
	}
}

// Removed is called for a cluster that was removed.
func (n AllNews) Removed(ctx context.Context, c models.Cluster) {
	for _, part := range n {
		part.Removed(ctx, c)
	}
}
