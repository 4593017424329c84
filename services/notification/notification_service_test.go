package notification

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/servicetest"
)

const (
	ann = "aaaaaaaaaaaaaaaaaaaaaaaa"
	bob = "bbbbbbbbbbbbbbbbbbbbbbbb"
)

// published are events in the order of publishing.
type published []string

func (l *published) PublishBare(key, event string, data any) error {
	*l = append(*l, key+" "+event+" "+data.(models.Notification).Title)
	return nil
}

func (l *published) take() (all []string) {
	all, *l = *l, nil
	return all
}

// rig is a service over a real store.
type rig struct {
	*Service
	clock  *servicetest.Clock
	events *published
	store  *repositories.Notifications
	db     *mongo.Database
}

func newRig(t *testing.T) *rig {
	t.Helper()
	db := dbtest.Open(t).Database()
	r := &rig{clock: servicetest.NewClock(), events: &published{}, store: repositories.NewNotifications(db), db: db}
	r.Service = NewService(r.store, r.events, slog.New(slog.DiscardHandler), r.clock.Now)
	return r
}

func (r *rig) list(t *testing.T, user string) models.NotificationPage {
	t.Helper()
	page, err := r.List(t.Context(), user, 100, 0)
	require.NoError(t, err)
	return page
}

func ended(action, status string) models.Run {
	return models.Run{
		ID: models.NewID(), WorkflowID: "w1", OwnerID: ann, Action: action, Status: status, Version: 3, Cluster: "dev", Error: "no room",
	}
}

func TestRunsThatAreTold(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		run              models.Run
		typ, title, text string
	}{
		"deployed":             {ended(models.RunDeploy, models.RunCompleted), models.NotifyDeployed, "shop was deployed", "Version 3 is in the cluster dev."},
		"failed":               {ended(models.RunDeploy, models.RunFailed), models.NotifyFailed, "shop could not be deployed", "no room"},
		"failed to take down":  {ended(models.RunTearDown, models.RunFailed), models.NotifyFailed, "shop could not be taken down", "no room"},
		"taken down":           {run: ended(models.RunTearDown, models.RunCompleted)},
		"cancelled":            {run: ended(models.RunDeploy, models.RunCancelled)},
		"cancelled taken down": {run: ended(models.RunTearDown, models.RunCancelled)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			require.NoError(t, r.RunEnded(t.Context(), tc.run, "shop"))
			page := r.list(t, ann)
			if tc.typ == "" {
				require.Empty(t, page.Notifications)
				require.Empty(t, r.events.take())
				return
			}
			require.Equal(t, []string{"notifications:" + ann + " new_notification " + tc.title}, r.events.take())
			require.EqualValues(t, 1, page.Unread)
			at := r.clock.Now()
			require.Equal(t, []models.Notification{{
				ID: tc.run.ID, UserID: ann, Type: tc.typ, Title: tc.title, Message: tc.text, Link: "/dashboard/workflow/w1", RefID: "w1",
				What: tc.run.ID, CreatedAt: at, UpdatedAt: at, ExpiresAt: at.Add(keepUnread),
			}}, page.Notifications)
		})
	}
}

func TestTheEndOfARunIsToldOnce(t *testing.T) {
	t.Parallel()
	r, run := newRig(t), ended(models.RunDeploy, models.RunFailed)
	require.NoError(t, r.RunEnded(t.Context(), run, "shop"))
	_, err := r.MarkAllRead(t.Context(), ann)
	require.NoError(t, err)
	require.NoError(t, r.RunEnded(t.Context(), run, "shop"))
	require.Len(t, r.list(t, ann).Notifications, 1)
	require.Len(t, r.events.take(), 1)

	require.NoError(t, r.RunEnded(t.Context(), ended(models.RunDeploy, models.RunFailed), ""))
	require.Len(t, r.list(t, ann).Notifications, 2, "another run")
	require.Equal(t, []string{"notifications:" + ann + " new_notification A workflow could not be deployed"}, r.events.take())
}

// Publishing that was not reached after an error of the database is made up for.
func TestNewsIsPublishedAfterAnError(t *testing.T) {
	t.Parallel()
	r, run := newRig(t), ended(models.RunDeploy, models.RunFailed)
	r.Service.store = &lostAnswer{Notifications: r.store}
	require.Error(t, r.RunEnded(t.Context(), run, "shop"))
	require.Empty(t, r.events.take())
	require.NoError(t, r.RunEnded(t.Context(), run, "shop"))
	require.Len(t, r.events.take(), 1)
	require.Len(t, r.list(t, ann).Notifications, 1)
}

// lostAnswer loses the answer to the first notification.
type lostAnswer struct {
	*repositories.Notifications
	lost bool
}

func (s *lostAnswer) Add(ctx context.Context, n models.Notification) (models.Notification, error) {
	n, err := s.Notifications.Add(ctx, n)
	if !s.lost {
		s.lost, err = true, errors.New("lost")
	}
	return n, err
}

func TestChangesOfClustersThatAreTold(t *testing.T) {
	t.Parallel()
	const up, down, wrong, unknown = models.ClusterConnected, models.ClusterDisconnected, models.ClusterError, models.ClusterUnknown
	for name, tc := range map[string]struct{ was, is, typ, title string }{
		"it fails":               {up, down, models.NotifyWarning, "Cluster dev cannot be reached"},
		"it refuses":             {up, wrong, models.NotifyWarning, "Cluster dev has a problem"},
		"it is back":             {down, up, models.NotifySystem, "Cluster dev works again"},
		"it accepts again":       {wrong, up, models.NotifySystem, "Cluster dev works again"},
		"the first check":        {was: unknown, is: up},
		"the first check failed": {was: unknown, is: down},
		"another failure":        {was: down, is: wrong},
		"another text":           {was: down, is: down},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c := NewClusters(r.Service, func(context.Context, string) ([]string, error) { return []string{bob}, nil })
			c.Changed(t.Context(), models.Cluster{ID: "c1", Name: "dev", OwnerID: ann, Status: tc.is, LastError: "gone"}, tc.was)
			for _, user := range []string{ann, bob} {
				list := r.list(t, user).Notifications
				if tc.typ == "" {
					require.Empty(t, list)
					continue
				}
				require.Len(t, list, 1)
				require.Equal(t, []string{tc.typ, tc.title, "c1"}, []string{list[0].Type, list[0].Title, list[0].RefID})
				require.NotEmpty(t, list[0].Message)
			}
			require.Empty(t, r.list(t, "eve").Notifications)
		})
	}
}

// A cluster that comes and goes fills no list, and rings once.
func TestUnreadNewsIsRenewed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := NewClusters(r.Service, func(context.Context, string) ([]string, error) { return nil, errors.New("no shares now") })
	up := models.Cluster{ID: "c1", Name: "dev", OwnerID: ann, Status: models.ClusterConnected}
	down := up
	down.Status = models.ClusterDisconnected
	for range 5 {
		r.clock.Move(time.Minute)
		c.Changed(t.Context(), down, up.Status)
		r.clock.Move(time.Minute)
		c.Changed(t.Context(), up, down.Status)
	}
	page := r.list(t, ann)
	require.Len(t, page.Notifications, 2)
	require.EqualValues(t, 2, page.Unread)
	require.Equal(t, "Cluster dev works again", page.Notifications[0].Title)
	require.Equal(t, r.clock.Now(), page.Notifications[0].CreatedAt)
	require.Equal(t, r.clock.Now().Add(keepUnread), page.Notifications[0].ExpiresAt)
	require.Len(t, r.events.take(), 2)

	require.NoError(t, r.MarkRead(t.Context(), ann, page.Notifications[1].ID))
	c.Changed(t.Context(), down, up.Status)
	require.Len(t, r.list(t, ann).Notifications, 3, "what was read happened again")
	require.Len(t, r.events.take(), 1)
}

func TestReadNotificationsExpireSooner(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.NoError(t, r.RunEnded(t.Context(), ended(models.RunDeploy, models.RunFailed), "shop"))
	r.clock.Move(time.Hour)
	count, err := r.MarkAllRead(t.Context(), ann)
	require.NoError(t, err)
	require.EqualValues(t, 1, count)
	page := r.list(t, ann)
	require.Equal(t, r.clock.Now().Add(keepRead), page.Notifications[0].ExpiresAt)
	require.Equal(t, r.clock.Now(), page.Notifications[0].UpdatedAt)
	require.Zero(t, page.Unread)
	require.EqualValues(t, 1, page.Total)
}

func TestAnAccountHasSoManyNotifications(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var many []models.Notification
	for range perAccount {
		r.clock.Move(time.Second)
		id := models.NewID()
		many = append(many, models.Notification{ID: id, UserID: ann, What: id, CreatedAt: r.clock.Now(), ExpiresAt: r.clock.Now().Add(time.Hour)})
	}
	_, err := r.db.Collection(database.Notifications).InsertMany(t.Context(), many)
	require.NoError(t, err)
	for range 3 {
		r.clock.Move(time.Second)
		require.NoError(t, r.RunEnded(t.Context(), ended(models.RunDeploy, models.RunCompleted), "shop"))
	}
	page := r.list(t, ann)
	require.EqualValues(t, perAccount, page.Total)
	require.Equal(t, r.clock.Now(), page.Notifications[0].CreatedAt, "the newest stay")
	last, err := r.List(t.Context(), ann, 1, perAccount-1)
	require.NoError(t, err)
	require.Equal(t, many[3].ID, last.Notifications[0].ID, "the oldest go")
}

func TestLongTextsAreCut(t *testing.T) {
	t.Parallel()
	r, run := newRig(t), ended(models.RunDeploy, models.RunFailed)
	run.Error = strings.Repeat("ü", 1<<20)
	require.NoError(t, r.RunEnded(t.Context(), run, strings.Repeat("n", 5000)))
	n := r.list(t, ann).Notifications[0]
	require.Len(t, []rune(n.Title), maxText+1)
	require.Len(t, []rune(n.Message), maxText+1)
}
