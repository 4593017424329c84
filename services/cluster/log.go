package cluster

import (
	"context"
	"log/slog"
	"time"

	"github.com/kubeorch/core/models"
)

// logTime bounds the writing of an entry, so that it does not hold up the action
// that it describes.
const logTime = 5 * time.Second

// logStore keeps the logs of clusters.
type logStore interface {
	Add(ctx context.Context, e models.ClusterLogEntry) error
	List(ctx context.Context, clusterID string, limit int) ([]models.ClusterLogEntry, error)
	DeleteByCluster(ctx context.Context, clusterID string) error
}

// Log records what people do with clusters and how their states change. It is
// safe for concurrent use.
type Log struct {
	store logStore
	log   *slog.Logger
	now   func() time.Time
}

// NewLog returns a log that is kept in store.
func NewLog(store logStore, log *slog.Logger) *Log {
	return &Log{store: store, log: log, now: time.Now}
}

// Add stores e, even when ctx has ended, since the action has happened. The
// caller sets ClusterID, Action, Message and Success, and Error if Success is
// false. Empty fields are filled in, the user from ctx. A failure to store the
// entry is logged.
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

// Changed records that a check found c in another state than before.
func (l *Log) Changed(ctx context.Context, c models.Cluster, _ string) {
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

// Removed deletes the log of a cluster that was removed.
func (l *Log) Removed(ctx context.Context, c models.Cluster) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logTime)
	defer cancel()
	if err := l.store.DeleteByCluster(ctx, c.ID); err != nil {
		l.log.WarnContext(ctx, "the log of a removed cluster stays until it expires", "cluster", c.ID, "err", err)
	}
}

// requirer answers what a user may do on a cluster.
type requirer interface {
	Require(ctx context.Context, userID, address string, action models.ClusterAction) (models.ClusterGrant, error)
}

// LogReader shows the logs of clusters to their users. It is safe for
// concurrent use.
type LogReader struct {
	store  logStore
	access requirer
}

// NewLogReader returns a reader of the logs in store.
func NewLogReader(store logStore, access requirer) *LogReader {
	return &LogReader{store: store, access: access}
}

// List returns up to limit entries of a cluster that the user sees, the newest
// first. A user who may not see the members of the cluster gets the entries of
// others without their ids and details, those of the owner excepted.
func (r *LogReader) List(ctx context.Context, userID, name string, limit int) (models.ClusterLogList, error) {
	g, err := r.access.Require(ctx, userID, name, models.ClusterRead)
	if err != nil {
		return models.ClusterLogList{}, err
	}
	list, err := r.store.List(ctx, g.Cluster.ID, limit)
	if err != nil {
		return models.ClusterLogList{}, err
	}
	if !g.May(models.ClusterMembers) {
		for i, e := range list {
			if e.UserID != userID && e.UserID != g.Cluster.OwnerID {
				list[i].UserID, list[i].Details = "", nil
			}
		}
	}
	return models.ClusterLogList{Cluster: g.Cluster.Name, Logs: list}, nil
}
