package drift

import (
	"context"
	"log/slog"
	"time"

	"github.com/kubeorch/core/models"
)

// keepPause is shorter than the time for which a look has a workflow watched.
const keepPause = time.Minute

// corrected finds the workflows whose drift is corrected.
type corrected interface {
	InMode(ctx context.Context, mode string) (workflowIDs []string, err error)
}

// Keeper has the workflows watched whose drift is corrected, also while nobody looks.
// One of several servers is enough: it tells the one that holds the cluster.
type Keeper struct {
	Records  corrected
	Watchers interface{ Look(workflowID string) }
	Log      *slog.Logger
}

// Run looks after them until ctx ends.
func (k Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(keepPause)
	defer tick.Stop()
	for {
		ids, err := k.Records.InMode(ctx, models.DriftCorrect)
		if err != nil && ctx.Err() == nil {
			k.Log.WarnContext(ctx, "the workflows whose drift is corrected could not be found", "err", err)
		}
		for _, id := range ids {
			k.Watchers.Look(id)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
