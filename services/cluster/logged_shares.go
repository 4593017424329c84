package cluster

import (
	"context"

	"github.com/kubeorch/core/models"
)

// LoggedShares is Shares with what owners do written into the logs of the
// clusters. With whom they share is in the audit trail only.
type LoggedShares struct {
	*Shares

	diary diary
}

// NewLoggedShares returns shares with a log.
func NewLoggedShares(shares *Shares, diary diary) *LoggedShares {
	return &LoggedShares{shares, diary}
}

// Share offers a cluster to another user; see Shares.
func (l *LoggedShares) Share(ctx context.Context, owner, address string, in models.ClusterShareInput) (models.ClusterShareView, error) {
	g, err := l.access.Require(ctx, owner, address, models.ClusterManage)
	if err != nil {
		return models.ClusterShareView{}, err
	}
	sh, err := l.Shares.Share(ctx, owner, address, in)
	if err == nil {
		l.diary.Add(ctx, models.ClusterLogEntry{
			ClusterID: g.Cluster.ID, Action: models.ClusterLogShared, Success: true, Message: "the cluster was offered to a user",
			Details: map[string]string{"share": sh.ID, "role": sh.Role},
		})
	}
	return sh, err
}

// Revoke ends a share; see Shares.
func (l *LoggedShares) Revoke(ctx context.Context, userID, address, target string) error {
	g, err := l.access.Require(ctx, userID, address, models.ClusterRead)
	if err != nil {
		return err
	}
	if err := l.Shares.Revoke(ctx, userID, address, target); err != nil {
		return err
	}
	l.diary.Add(ctx, models.ClusterLogEntry{
		ClusterID: g.Cluster.ID, Action: models.ClusterLogUnshared, Success: true, Message: "the share of a user was ended",
	})
	return nil
}
