package account

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

// furnish gives a user two workflows, one with a version and a run, and a
// cluster, and returns the id of the first workflow.
func (h *house) furnish(t *testing.T, owner, cluster string) (workflowID string) {
	t.Helper()
	now := models.Now()
	for range 2 {
		workflowID = models.NewID()
		require.NoError(t, repositories.NewWorkflows(h.db).Insert(t.Context(), models.Workflow{
			ID: workflowID, OwnerID: owner, Name: "shop", ClusterID: cluster, Status: models.WorkflowDraft, Revision: 1, Seq: 1,
			CreatedAt: now, UpdatedAt: now,
		}))
	}
	require.NoError(t, repositories.NewRuns(h.db).Begin(t.Context(), models.Run{
		ID: models.NewID(), WorkflowID: workflowID, OwnerID: owner, Status: models.RunCompleted, StartedAt: now,
	}))
	_, err := h.db.Collection(database.Versions).InsertOne(t.Context(), bson.D{
		{Key: "_id", Value: models.NewID()}, {Key: "workflow_id", Value: workflowID}, {Key: "version", Value: 1},
	})
	require.NoError(t, err)
	_, err = repositories.NewClusters(h.db).Insert(t.Context(), models.Cluster{
		ID: models.NewID(), OwnerID: owner, Name: cluster, CreatedAt: now, UpdatedAt: now,
	})
	require.NoError(t, err)
	return workflowID
}

// left counts the documents of each collection that name the user or the
// workflow.
func (h *house) left(t *testing.T, userID, workflowID string) map[string]int64 {
	t.Helper()
	left := map[string]int64{}
	for _, name := range []string{database.Users, database.Sessions, database.Workflows, database.Versions, database.Runs, database.Clusters} {
		n, err := h.db.Collection(name).CountDocuments(t.Context(), bson.D{{Key: "$or", Value: bson.A{
			bson.D{{Key: "owner_id", Value: userID}}, bson.D{{Key: "user_id", Value: userID}}, bson.D{{Key: "_id", Value: userID}},
			bson.D{{Key: "workflow_id", Value: workflowID}},
		}}})
		require.NoError(t, err)
		if n > 0 {
			left[name] = n
		}
	}
	return left
}

func TestDeletionNeedsAChoice(t *testing.T) {
	t.Parallel()
	h, office, _, second := staff(t)
	id := second.User.ID
	h.furnish(t, id, "dev")
	owned, err := office.Owned(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []any{int64(2), int64(1), "shop", "dev"},
		[]any{owned.Workflows.Count, owned.Clusters.Count, owned.Workflows.Items[0].Name, owned.Clusters.Items[0].Name})

	_, err = office.Delete(t.Context(), id, models.UserDeletion{})
	require.Equal(t, models.Conflict, models.KindOf(err))
	var detailed *models.Error
	require.ErrorAs(t, err, &detailed)
	require.Equal(t, owned, detailed.Extra)
	for _, d := range []models.UserDeletion{
		{Owned: "burn"}, {Owned: models.OwnedTransfer}, {Owned: models.OwnedTransfer, TransferTo: id},
		{Owned: models.OwnedTransfer, TransferTo: models.NewID()},
	} {
		_, err = office.Delete(t.Context(), id, d)
		require.Equal(t, models.Invalid, models.KindOf(err), "%+v", d)
	}
	h.whose(t, second) // nothing was changed
}

func TestDeletion(t *testing.T) {
	t.Parallel()
	h, office, first, second := staff(t)
	id := second.User.ID
	workflow := h.furnish(t, id, "dev")
	kept := h.furnish(t, first.User.ID, "dev")
	held, err := h.sessions.Guard(t.Context(), h.whose(t, second))
	require.NoError(t, err)
	msg, err := office.Delete(t.Context(), id, models.UserDeletion{Owned: models.OwnedDelete})
	require.NoError(t, err)
	require.Contains(t, msg, "in clusters stays")
	require.Empty(t, h.left(t, id, workflow))
	require.True(t, over(t, held))
	_, err = h.sessions.Authenticate(t.Context(), second.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
	_, err = h.refresh(t, second.Token)
	require.Equal(t, models.NotFound, models.KindOf(err))
	_, err = office.Delete(t.Context(), id, models.UserDeletion{Owned: models.OwnedDelete})
	require.Equal(t, models.NotFound, models.KindOf(err))
	require.Len(t, h.left(t, first.User.ID, kept), 6, "nobody else's")
	h.member(t, 1) // the address is free again
}

func TestDeletionGivesAway(t *testing.T) {
	t.Parallel()
	h, office, first, second := staff(t)
	id, newOwner := second.User.ID, first.User.ID
	workflow := h.furnish(t, id, "dev")
	clash := h.furnish(t, newOwner, "dev")
	give := models.UserDeletion{Owned: models.OwnedTransfer, TransferTo: newOwner}
	_, err := office.Delete(t.Context(), id, give)
	require.Equal(t, models.Conflict, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "dev")
	h.whose(t, second)
	_, err = repositories.NewClusters(h.db).DeleteByUser(t.Context(), newOwner)
	require.NoError(t, err)
	msg, err := office.Delete(t.Context(), id, give)
	require.NoError(t, err)
	require.Contains(t, msg, "new owner")
	require.Equal(t, map[string]int64{database.Versions: 1, database.Runs: 1}, h.left(t, id, workflow), "under the old ids")
	_, err = repositories.NewWorkflows(h.db).Get(t.Context(), newOwner, workflow)
	require.NoError(t, err)
	_, err = repositories.NewClusters(h.db).ByName(t.Context(), newOwner, "dev")
	require.NoError(t, err)
	require.NotEmpty(t, h.left(t, newOwner, clash))
}

func TestDeletionWaitsForRuns(t *testing.T) {
	t.Parallel()
	h, office, _, second := staff(t)
	id := second.User.ID
	runs := repositories.NewRuns(h.db)
	run := models.Run{ID: models.NewID(), WorkflowID: h.furnish(t, id, "dev"), OwnerID: id, Status: models.RunRunning, Lease: "l", StartedAt: models.Now()}
	require.NoError(t, runs.Begin(t.Context(), run))
	_, err := office.Delete(t.Context(), id, models.UserDeletion{Owned: models.OwnedDelete})
	require.Equal(t, models.Conflict, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "1 runs")
	h.whose(t, second)
	require.NoError(t, runs.Finish(t.Context(), run.ID, "l", models.RunResult{Status: models.RunCancelled, CompletedAt: models.Now()}))
	_, err = office.Delete(t.Context(), id, models.UserDeletion{Owned: models.OwnedDelete})
	require.NoError(t, err)
}

func TestInterruptedDeletionIsRepeated(t *testing.T) {
	t.Parallel()
	h, office, _, second := staff(t)
	id := second.User.ID
	workflow := h.furnish(t, id, "dev")
	fuse := &interrupted{transferable: office.owned.Transferable[1], fail: true}
	office.owned.Transferable[1] = fuse
	all := models.UserDeletion{Owned: models.OwnedDelete}
	_, err := office.Delete(t.Context(), id, all)
	require.ErrorContains(t, err, "the power went")
	u, err := office.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []any{models.UserDisabled, true}, []any{u.Status, u.Deleting})
	_, err = h.enter(t.Context(), 1)
	require.Equal(t, models.Forbidden, models.KindOf(err))
	_, err = office.Enable(t.Context(), id)
	require.Equal(t, models.Conflict, models.KindOf(err), "there is no way back")
	fuse.fail = false
	_, err = office.Delete(t.Context(), id, all)
	require.NoError(t, err)
	require.Empty(t, h.left(t, id, workflow))
}

// The first account made an administrator of whoever signed up first. When it
// is gone, nobody else becomes one that way.
func TestFirstAccountIsDeleted(t *testing.T) {
	t.Parallel()
	h, office, first, second := staff(t)
	promote(t, office, second.User.ID)
	_, err := office.Delete(t.Context(), first.User.ID, models.UserDeletion{})
	require.NoError(t, err)
	require.Equal(t, models.RoleUser, h.member(t, 2).User.Role)
	first = h.member(t, 0)
	require.Equal(t, models.RoleUser, first.User.Role, "with the same address, too")
	late := newUser(registration(3), "")
	late.Role = models.RoleAdmin
	isFirst, err := h.store.InsertFirst(t.Context(), late)
	require.NoError(t, err)
	require.False(t, isFirst, "also one that began when there was nobody")
	page, err := office.List(t.Context(), models.UserQuery{Page: 1, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, int64(3), page.Total, "what remains of it is nobody")
	h.pass(time.Second)
}
