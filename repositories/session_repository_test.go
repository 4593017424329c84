package repositories_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func TestSessions(t *testing.T) {
	t.Parallel()
	sessions := repositories.NewSessions(dbtest.Open(t).Database())
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Millisecond)
	for i := range 4 {
		begun := now.Add(time.Duration(i) * time.Second)
		for _, user := range []string{"ann", "bob"} {
			require.NoError(t, sessions.Insert(ctx, models.StoredSession{
				ID: fmt.Sprint(user, i), UserID: user, CreatedAt: begun, LastUsedAt: begun, ExpiresAt: begun.Add(time.Hour),
			}))
		}
	}
	ids := func(at time.Time) (list []string) {
		stored, err := sessions.ByUser(ctx, "ann", at)
		require.NoError(t, err)
		for _, s := range stored {
			list = append(list, s.ID)
		}
		return list
	}
	require.Equal(t, []string{"ann3", "ann2", "ann1", "ann0"}, ids(now))
	require.Equal(t, []string{"ann3", "ann2"}, ids(now.Add(time.Hour+1500*time.Millisecond)), "that have not expired")

	later := now.Add(time.Hour)
	require.NoError(t, sessions.Touch(ctx, "ann0", later, later.Add(-time.Minute)))
	require.NoError(t, sessions.Touch(ctx, "ann0", later.Add(time.Second), later.Add(-time.Minute)), "somebody was faster")
	require.NoError(t, sessions.Extend(ctx, "ann0", later.Add(time.Hour)))
	require.NoError(t, sessions.Extend(ctx, "ann0", now), "never shorter")
	got, err := sessions.ByID(ctx, "ann0")
	require.NoError(t, err)
	require.Equal(t, []time.Time{later, later.Add(time.Hour)}, []time.Time{got.LastUsedAt.UTC(), got.ExpiresAt.UTC()})
	require.Equal(t, models.NotFound, models.KindOf(sessions.Extend(ctx, "gone", later)))

	require.Equal(t, models.NotFound, models.KindOf(sessions.Delete(ctx, "ann", "bob1")), "somebody else's")
	require.NoError(t, sessions.Delete(ctx, "ann", "ann3"))
	gone, err := sessions.Trim(ctx, "ann", 2)
	require.NoError(t, err)
	require.Equal(t, []string{"ann0"}, gone)
	require.NoError(t, sessions.DeleteAll(ctx, "ann", "ann1"))
	require.Equal(t, []string{"ann1"}, ids(now))
	stored, err := sessions.ByIDs(ctx, []string{"ann0", "ann1", "bob0", ""})
	require.NoError(t, err)
	require.Len(t, stored, 2)
}

func TestFirstAccountKeepsItsSlot(t *testing.T) {
	t.Parallel()
	users := repositories.NewUsers(dbtest.Open(t).Database())
	ctx, now := t.Context(), time.Now()
	ann := models.User{ID: models.NewID(), Email: "ann@example.org", Role: models.RoleAdmin}
	first, err := users.InsertFirst(ctx, ann)
	require.NoError(t, err)
	require.True(t, first)
	require.NoError(t, users.Remove(ctx, ann.ID, now))
	require.NoError(t, users.Remove(ctx, ann.ID, now), "again")
	_, err = users.ByID(ctx, ann.ID)
	require.Equal(t, models.NotFound, models.KindOf(err))
	list, err := users.ByIDs(ctx, []string{ann.ID})
	require.NoError(t, err)
	require.Empty(t, list)
	has, err := users.HasAdmin(ctx)
	require.NoError(t, err)
	require.True(t, has)
	ann.ID = models.NewID()
	first, err = users.InsertFirst(ctx, ann)
	require.NoError(t, err)
	require.False(t, first)
	require.NoError(t, users.Insert(ctx, ann))
	require.NoError(t, users.Remove(ctx, ann.ID, now), "a later one leaves nothing")
	stay, leave, err := users.CountAdmins(ctx)
	require.NoError(t, err)
	require.Zero(t, stay+leave)
}
