package run

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
)

// A run goes on over a failover in the middle of any of its writes, which may have
// been done. Nothing of it is stored or counted twice.
func TestRunOutlastsAFailover(t *testing.T) {
	t.Parallel()
	const writes = 8
	for k := range writes {
		t.Run(fmt.Sprintf("in write %d of %d", k+1, writes), func(t *testing.T) {
			t.Parallel()
			set, uri := dbtest.ReplicaSet(t)
			// The driver gives up before there is a primary again, so that the run
			// has to try again.
			db, err := database.Open(t.Context(), database.Config{URI: uri + "&serverSelectionTimeoutMS=400"})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close(context.WithoutCancel(t.Context()))) })
			require.NoError(t, db.EnsureIndexes(t.Context()))
			r := newRigOn(t, db.Database())
			w := r.draw("conf:configmap web:deployment")

			var n atomic.Int32
			set.Answering(func(command string) {
				if slices.Contains([]string{"insert", "update", "findAndModify"}, command) && n.Add(1) == int32(k)+1 {
					set.StepDown(700 * time.Millisecond)
				}
			})
			run := r.mustRun(w.ID, models.TriggerData{})
			require.Equal(t, models.RunCompleted, run.Status, run.Error)
			require.Equal(t, models.RunCompleted, r.eventually(w.ID, run.ID).Status)
			require.GreaterOrEqual(t, int(n.Load()), writes)
			list, err := r.runs.List(t.Context(), w.ID, 10)
			require.NoError(t, err)
			require.Len(t, list, 1)
			_, versions, err := r.versions.List(t.Context(), w.ID, 1, 10)
			require.NoError(t, err)
			require.EqualValues(t, 1, versions)
			w, err = r.workflows.Get(t.Context(), ann, w.ID)
			require.NoError(t, err)
			require.Equal(t, []int{1, 1, 0}, []int{w.RunCount, w.SuccessCount, w.FailureCount})
		})
	}
}
