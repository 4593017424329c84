package workflow

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/servicetest"
)

const ann, bob = "5f0000000000000000000001", "5f0000000000000000000002"

// rig has the services over a database of its own. No runs are in progress.
type rig struct {
	db        *mongo.Database
	clock     *servicetest.Clock
	documents *repositories.Workflows
	runs      *repositories.Runs
	workflows *Service
	versions  *Versions
}

type noRuns struct{}

func (noRuns) Running(context.Context, string) (bool, error)                    { return false, nil }
func (noRuns) TearDown(context.Context, models.Workflow, bool) (warning string) { return "" }

func newRig(t *testing.T, limits models.AccountLimits) *rig {
	t.Helper()
	db := dbtest.Open(t).Database()
	r := &rig{db: db, clock: servicetest.NewClock(), documents: repositories.NewWorkflows(db), runs: repositories.NewRuns(db)}
	versions := repositories.NewVersions(db)
	r.workflows = NewService(r.documents, noRuns{}, Eraser{r.documents, versions, r.runs, repositories.NewDrifts(db)}, limits)
	r.workflows.now = r.clock.Now
	r.versions = NewVersions(r.documents, versions, NewHistory(versions, r.documents, limits))
	return r
}

func (r *rig) create(t *testing.T, owner string) models.Workflow {
	t.Helper()
	w, err := r.workflows.Create(t.Context(), owner, models.WorkflowInput{Name: "shop", ClusterID: "dev"})
	require.NoError(t, err)
	return w
}

func (r *rig) retention(server *repositories.Settings) *Retention {
	return &Retention{
		Workflows: r.documents, Versions: repositories.NewVersions(r.db), Runs: r.runs, Drifts: repositories.NewDrifts(r.db), Tasks: server,
		Log: slog.New(slog.DiscardHandler), Now: r.clock.Now, Grace: 24 * time.Hour, KeepVersions: 3, KeepRuns: 2,
	}
}

// sweep moves the clock on and frees space.
func (r *rig) sweep(t *testing.T, later time.Duration) {
	t.Helper()
	r.clock.Move(later)
	require.NoError(t, r.retention(repositories.NewSettings(r.db)).runOnce(t.Context()))
}

func (r *rig) count(t *testing.T, collection string) int64 {
	t.Helper()
	n, err := r.db.Collection(collection).CountDocuments(t.Context(), map[string]any{})
	require.NoError(t, err)
	return n
}

func TestDeletionCanBeUndoneForAWhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, models.AccountLimits{})
	ctx := t.Context()
	w, other := r.create(t, ann), r.create(t, ann)
	_, err := r.versions.Create(ctx, ann, w.ID, models.VersionNotes{})
	require.NoError(t, err)
	require.NoError(t, r.runs.Begin(ctx, models.Run{ID: models.NewID(), WorkflowID: w.ID, Status: models.RunCompleted}))

	_, err = r.workflows.Restore(ctx, ann, w.ID)
	require.NoError(t, err, "it has not been deleted")
	require.NoError(t, r.workflows.Delete(ctx, ann, w.ID))
	r.sweep(t, 23*time.Hour)
	_, err = r.workflows.Restore(ctx, bob, w.ID)
	require.Equal(t, models.NotFound, models.KindOf(err), "somebody else's")
	got, err := r.workflows.Restore(ctx, ann, w.ID)
	require.NoError(t, err)
	require.Nil(t, got.DeletedAt)
	r.sweep(t, 48*time.Hour)
	require.EqualValues(t, 2, r.count(t, "workflows"), "a restored one stays")

	require.NoError(t, r.workflows.Delete(ctx, ann, w.ID))
	r.sweep(t, 25*time.Hour)
	_, err = r.workflows.Restore(ctx, ann, w.ID)
	require.Equal(t, models.NotFound, models.KindOf(err))
	require.EqualValues(t, 1, r.count(t, "workflows"))
	require.Zero(t, r.count(t, "versions"))
	require.Zero(t, r.count(t, "runs"))

	require.Equal(t, models.NotFound, models.KindOf(r.workflows.Erase(ctx, bob, other.ID)))
	require.NoError(t, r.workflows.Erase(ctx, ann, other.ID))
	require.Zero(t, r.count(t, "workflows"))
}

func TestOldRunsAndVersionsGo(t *testing.T) {
	t.Parallel()
	r := newRig(t, models.AccountLimits{})
	ctx := t.Context()
	w := r.create(t, ann)
	store := repositories.NewVersions(r.db)
	notes := "release"
	_, err := r.versions.Create(ctx, ann, w.ID, models.VersionNotes{Name: &notes})
	require.NoError(t, err)
	for i := range 8 { // versions 2 to 9, of which only that of run 4 completed
		v, err := store.Add(ctx, models.Version{ID: models.NewID(), WorkflowID: w.ID, IsAutomatic: true, CreatedBy: ann})
		require.NoError(t, err)
		status := models.RunFailed
		if i == 4 {
			status = models.RunCompleted
		}
		r.clock.Move(time.Minute)
		require.NoError(t, r.runs.Begin(ctx, models.Run{
			ID: models.NewID(), WorkflowID: w.ID, Status: status, Version: v.Number, StartedAt: r.clock.Now(),
		}))
	}
	require.NoError(t, r.runs.Begin(ctx, models.Run{ID: models.NewID(), WorkflowID: w.ID, Status: models.RunRunning, StartedAt: r.clock.Now().Add(-time.Hour), Version: 2}))
	r.sweep(t, 0)

	list, total, err := store.List(ctx, w.ID, 1, 50)
	require.NoError(t, err)
	require.EqualValues(t, 6, total)
	var numbers []int
	for _, v := range list {
		numbers = append(numbers, v.Number)
	}
	require.Equal(t, []int{9, 8, 7, 6, 2, 1}, numbers, "the newest, that of the last completed run, of the running one, and of people")
	runs, err := r.runs.List(ctx, w.ID, 100)
	require.NoError(t, err)
	require.Len(t, runs, 4, "the newest two, the last completed one and the running one")
	require.Equal(t, models.RunRunning, runs[3].Status)

	_, err = r.versions.Create(ctx, ann, w.ID, models.VersionNotes{})
	require.NoError(t, err)
	require.Equal(t, models.Conflict, models.KindOf(r.versions.Delete(ctx, ann, w.ID, 10)), "its number would be given again")
	require.Equal(t, models.NotFound, models.KindOf(r.versions.Delete(ctx, bob, w.ID, 1)))
	require.NoError(t, r.versions.Delete(ctx, ann, w.ID, 1))
	require.Equal(t, models.NotFound, models.KindOf(r.versions.Delete(ctx, ann, w.ID, 1)))
}

func TestOneServerFreesSpaceInEachInterval(t *testing.T) {
	t.Parallel()
	r := newRig(t, models.AccountLimits{})
	now := models.StoredTime(r.clock.Now())
	claims := 0
	for range 3 {
		for range 3 { // servers
			mine, err := repositories.NewSettings(r.db).Claim(t.Context(), "retention", now, retentionInterval)
			require.NoError(t, err)
			if mine {
				claims++
			}
		}
		now = now.Add(retentionInterval)
	}
	require.Equal(t, 3, claims)
}
