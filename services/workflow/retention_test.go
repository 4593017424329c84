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
	running   busy
	clusters  knownClusters
	db        *mongo.Database
	clock     *servicetest.Clock
	documents *repositories.Workflows
	runs      *repositories.Runs
	workflows *Service
	versions  *Versions
}

// busy says of every workflow whether a run is in progress, and what tearing it down
// warns of.
type busy struct {
	running bool
	warning string
}

func (b *busy) Running(context.Context, string) (bool, error)                    { return b.running, nil }
func (b *busy) TearDown(context.Context, models.Workflow, bool) (warning string) { return b.warning }

func newRig(t *testing.T, limits models.AccountLimits) *rig {
	t.Helper()
	db := dbtest.Open(t).Database()
	r := &rig{clusters: knownClusters{}, db: db, clock: servicetest.NewClock(), documents: repositories.NewWorkflows(db), runs: repositories.NewRuns(db)}
	versions := repositories.NewVersions(db)
	r.workflows = NewService(r.documents, &r.running, r.clusters, Eraser{r.documents, versions, r.runs, repositories.NewDrifts(db)}, limits)
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
	require.NoError(t, r.runs.Begin(ctx, models.Run{ID: models.NewID(), WorkflowID: w.ID, Action: models.RunDeploy, Status: models.RunCompleted}))

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
			Action: models.RunDeploy,
			ID:     models.NewID(), WorkflowID: w.ID, Action: models.RunDeploy, Status: status, Version: v.Number, StartedAt: r.clock.Now(),
		}))
	}
	require.NoError(t, r.runs.Begin(ctx, models.Run{ID: models.NewID(), WorkflowID: w.ID, Action: models.RunDeploy, Status: models.RunRunning, StartedAt: r.clock.Now().Add(-time.Hour), Version: 2}))
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

// Age counts beside number; what has a name, is deployed or was healthy stays.
func TestAgeOfRunsAndVersions(t *testing.T) {
	t.Parallel()
	r := newRig(t, models.AccountLimits{})
	ctx := t.Context()
	w := r.create(t, ann)
	store := repositories.NewVersions(r.db)
	var ids []string
	for i := range 6 { // one a day
		v, err := store.Add(ctx, models.Version{
			ID: models.NewID(), WorkflowID: w.ID, IsAutomatic: true, CreatedBy: ann, CreatedAt: r.clock.Now(), RunID: models.NewID(),
		})
		require.NoError(t, err)
		run := models.Run{
			Action: models.RunDeploy,
			ID:     v.RunID, WorkflowID: w.ID, Status: models.RunCompleted, Action: models.RunDeploy, Version: v.Number, StartedAt: r.clock.Now(),
			Logs: []string{"[10:00:00] a line"},
		}
		switch i {
		case 1:
			run.WaitSeconds = 60
		case 3:
			run.Status, run.Unsettled = models.RunFailed, true
		case 5:
			run.Action = models.RunCorrect
		}
		require.NoError(t, r.runs.Begin(ctx, run))
		ids = append(ids, run.ID)
		r.clock.Move(24 * time.Hour)
	}
	tag := "v1"
	_, err := store.SetNotes(ctx, w.ID, 1, models.VersionNotes{Tag: &tag})
	require.NoError(t, err)
	require.NoError(t, r.documents.SetInventory(ctx, w.ID, []models.OwnedObject{{Name: "web", Applied: models.Applied{Version: 3}}}))
	keep := func(o Retention) (versions []int, runs []string, logs map[string]int) {
		t.Helper()
		r.clock.Move(time.Hour)
		re := r.retention(repositories.NewSettings(r.db))
		re.KeepVersions, re.KeepRuns = 100, 100
		re.VersionAge, re.RunAge, re.LogAge = o.VersionAge, o.RunAge, o.LogAge
		require.NoError(t, re.runOnce(ctx))
		list, _, err := store.List(ctx, w.ID, 1, 50)
		require.NoError(t, err)
		for _, v := range list {
			versions = append(versions, v.Number)
		}
		left, err := r.runs.List(ctx, w.ID, 100)
		require.NoError(t, err)
		logs = map[string]int{}
		for _, run := range left {
			runs, logs[run.ID] = append(runs, run.ID), len(run.Logs)
		}
		return versions, runs, logs
	}
	versions, runs, logs := keep(Retention{})
	require.Len(t, versions, 6)
	require.Len(t, runs, 6)
	require.Equal(t, 1, logs[ids[0]])

	_, runs, logs = keep(Retention{LogAge: 36 * time.Hour})
	require.Len(t, runs, 6)
	require.Equal(t, map[string]int{ids[0]: 0, ids[1]: 0, ids[2]: 0, ids[3]: 1, ids[4]: 0, ids[5]: 1}, logs, "one is not settled, one is young")

	versions, runs, _ = keep(Retention{VersionAge: time.Hour, RunAge: time.Hour})
	require.Equal(t, []int{6, 5, 3, 2, 1}, versions, "the newest, completed, deployed, healthy, tagged")
	require.Equal(t, []string{ids[4], ids[3], ids[1]}, runs, "the last that completed, one that is not settled, the last that was healthy")
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
