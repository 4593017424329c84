package repositories_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func notification(user, ref string, at time.Time) models.Notification {
	return models.Notification{
		ID: models.NewID(), UserID: user, Type: models.NotifyWarning, Title: "t", Message: "m", Link: "/l", RefID: ref,
		What: "w", CreatedAt: at, UpdatedAt: at, ExpiresAt: at.Add(time.Hour),
	}
}

func titles(t *testing.T, r *repositories.Notifications, user string, limit, offset int) []string {
	t.Helper()
	list, err := r.List(t.Context(), user, limit, offset)
	require.NoError(t, err)
	out := []string{}
	for _, n := range list {
		out = append(out, n.Title)
	}
	return out
}

func TestNotificationsAreListedAndMarked(t *testing.T) {
	t.Parallel()
	r := repositories.NewNotifications(dbtest.Open(t).Database())
	at := now()
	var ids []string
	for i := range 5 {
		for _, user := range []string{"ann", "bob"} {
			n := notification(user, fmt.Sprint(i), at.Add(time.Duration(i)*time.Second))
			n.Title = fmt.Sprint(user, i)
			stored, err := r.Add(t.Context(), n)
			require.NoError(t, err)
			require.Equal(t, n, stored)
			if user == "ann" {
				ids = append(ids, n.ID)
			}
		}
	}
	require.Equal(t, []string{"ann4", "ann3"}, titles(t, r, "ann", 2, 0))
	require.Equal(t, []string{"ann1", "ann0"}, titles(t, r, "ann", 10, 3))
	require.Empty(t, titles(t, r, "ann", 10, 1<<31-1))

	later, soon := at.Add(time.Minute), at.Add(2*time.Minute)
	require.NoError(t, r.MarkRead(t.Context(), "ann", ids[0], later, soon))
	require.NoError(t, r.MarkRead(t.Context(), "ann", ids[0], later.Add(time.Hour), soon.Add(time.Hour)), "again")
	require.Equal(t, models.NotFound, models.KindOf(r.MarkRead(t.Context(), "bob", ids[1], later, soon)), "somebody else's")
	require.Equal(t, models.NotFound, models.KindOf(r.MarkRead(t.Context(), "ann", "x", later, soon)))
	list, err := r.List(t.Context(), "ann", 1, 4)
	require.NoError(t, err)
	require.True(t, list[0].Read)
	require.True(t, list[0].UpdatedAt.Equal(later) && list[0].ExpiresAt.Equal(soon), "the first mark counts")

	require.NoError(t, r.MarkRead(t.Context(), "ann", ids[1], later, at.Add(24*time.Hour)))
	list, err = r.List(t.Context(), "ann", 1, 3)
	require.NoError(t, err)
	require.True(t, list[0].ExpiresAt.Equal(at.Add(time.Second+time.Hour)), "reading does not keep anything longer")

	count, err := r.MarkAllRead(t.Context(), "ann", later, soon)
	require.NoError(t, err)
	require.EqualValues(t, 3, count)
	for user, want := range map[string]int64{"ann": 0, "bob": 5, "eve": 0} {
		unread, err := r.Unread(t.Context(), user)
		require.NoError(t, err)
		require.Equal(t, want, unread, user)
	}

	require.NoError(t, r.Trim(t.Context(), "ann", 2))
	require.NoError(t, r.Trim(t.Context(), "ann", 2))
	require.Equal(t, []string{"ann4", "ann3"}, titles(t, r, "ann", 10, 0))
	require.NoError(t, r.DeleteByUser(t.Context(), "ann"))
	for user, want := range map[string]int64{"ann": 0, "bob": 5} {
		total, err := r.Total(t.Context(), user)
		require.NoError(t, err)
		require.Equal(t, want, total, user)
	}
}

func TestTheSameNewsUnreadIsOne(t *testing.T) {
	t.Parallel()
	r := repositories.NewNotifications(dbtest.Open(t).Database())
	first := notification("ann", "c1", now())
	_, err := r.Add(t.Context(), first)
	require.NoError(t, err)
	again := notification("ann", "c1", now().Add(time.Minute))
	again.Title, again.Message, again.Link = "t2", "m2", "/l2"
	stored, err := r.Add(t.Context(), again)
	require.NoError(t, err)
	want := again
	want.ID = first.ID
	require.Equal(t, want, stored)

	for name, change := range map[string]func(*models.Notification){
		"another user":    func(n *models.Notification) { n.UserID = "bob" },
		"another type":    func(n *models.Notification) { n.Type = models.NotifySystem },
		"another subject": func(n *models.Notification) { n.RefID = "c2" },
		"another state":   func(n *models.Notification) { n.What = "w2" },
	} {
		other := notification("ann", "c1", now())
		change(&other)
		stored, err := r.Add(t.Context(), other)
		require.NoError(t, err, name)
		require.Equal(t, other.ID, stored.ID, name)
	}

	_, err = r.MarkAllRead(t.Context(), "ann", now(), now())
	require.NoError(t, err)
	fresh := notification("ann", "c1", now())
	stored, err = r.Add(t.Context(), fresh)
	require.NoError(t, err)
	require.Equal(t, fresh.ID, stored.ID, "what was read is news again")

	_, err = r.MarkAllRead(t.Context(), "ann", now(), now())
	require.NoError(t, err)
	_, err = r.Add(t.Context(), fresh)
	require.Equal(t, models.Conflict, models.KindOf(err), "the id was used")
}

func TestOneOfManyNotificationsIsStored(t *testing.T) {
	t.Parallel()
	r := repositories.NewNotifications(dbtest.Open(t).Database())
	var all sync.WaitGroup
	var first atomic.Int32
	for range 8 {
		all.Go(func() {
			n := notification("ann", "c1", now())
			stored, err := r.Add(t.Context(), n)
			if err != nil {
				t.Error(err)
			}
			if stored.ID == n.ID {
				first.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, first.Load())
	total, err := r.Total(t.Context(), "ann")
	require.NoError(t, err)
	require.EqualValues(t, 1, total)
}

func TestNotificationsExpire(t *testing.T) {
	t.Parallel()
	specs, err := dbtest.Open(t).Database().Collection(database.Notifications).Indexes().ListSpecifications(t.Context())
	require.NoError(t, err)
	var after []int32
	for _, spec := range specs {
		if spec.ExpireAfterSeconds != nil {
			after = append(after, *spec.ExpireAfterSeconds)
		}
	}
	require.Equal(t, []int32{0}, after)
}
