package handlers

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// fakeNotifications has two unread notifications for everybody.
type fakeNotifications struct {
	mu    sync.Mutex
	pages [][2]int // limits and offsets that were asked for
}

func (f *fakeNotifications) List(_ context.Context, _ string, limit, offset int) (models.NotificationPage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pages = append(f.pages, [2]int{limit, offset})
	return models.NotificationPage{
		Notifications: []models.Notification{{ID: "n1", UserID: "ann", Type: models.NotifySystem}}, Total: 3, NotificationCount: models.NotificationCount{Unread: 2},
	}, nil
}

func (*fakeNotifications) Count(context.Context, string) (models.NotificationCount, error) {
	return models.NotificationCount{Unread: 2}, nil
}

func (*fakeNotifications) MarkRead(_ context.Context, user, id string) error {
	if user != "ann" || id != "n1" {
		return &models.Error{Kind: models.NotFound, Msg: "notification not found"}
	}
	return nil
}

func (*fakeNotifications) MarkAllRead(context.Context, string) (int64, error) { return 2, nil }

// notificationServer serves the routes, with the streams of subs in the order in
// which they are opened. The header Session names the caller's session.
func notificationServer(t *testing.T, svc notifications, http2 bool, subs ...*fakeSubscription) *httptest.Server {
	t.Helper()
	next := make(chan *fakeSubscription, len(subs))
	for _, s := range subs {
		next <- s
	}
	log := slog.New(slog.DiscardHandler)
	h := NewNotification(svc, AsSubscribe(func(key, _ string) (*fakeSubscription, error) {
		if key != "notifications:ann" {
			t.Errorf("read %s", key)
		}
		return <-next, nil
	}), log)
	e := gin.New()
	e.Use(func(c *gin.Context) {
		id := models.Identity{UserID: "ann", SessionID: c.GetHeader("Session")}
		c.Request = c.Request.WithContext(models.WithIdentity(c.Request.Context(), id))
	})
	e.GET("/", Handle(log, h.List))
	e.GET("/unread-count", Handle(log, h.UnreadCount))
	e.GET("/stream", Handle(log, h.Stream))
	e.PATCH("/:id/read", Handle(log, h.MarkRead))
	e.POST("/mark-all-read", Handle(log, h.MarkAllRead))
	srv := httptest.NewUnstartedServer(e)
	srv.EnableHTTP2 = http2
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

func notificationCall(t *testing.T, srv *httptest.Server, method, path, session string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Session", session)
	res, err := srv.Client().Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func TestNotificationAnswers(t *testing.T) {
	t.Parallel()
	srv := notificationServer(t, &fakeNotifications{}, false)
	for name, tc := range map[string]struct {
		method, path string
		status       int
		want         string
	}{
		"a page": {"GET", "/", 200, `{"notifications":[{"id":"n1","userId":"ann","type":"system","title":"","message":"","read":false,
			"createdAt":"0001-01-01T00:00:00Z","updatedAt":"0001-01-01T00:00:00Z"}],"total":3,"unreadCount":2}`},
		"the number of unread ones": {"GET", "/unread-count", 200, `{"unreadCount":2}`},
		"a mark":                    {"PATCH", "/n1/read", 200, `{"message":"the notification was marked as read"}`},
		"a mark elsewhere":          {"PATCH", "/n2/read", 404, `{"error":"notification not found","message":"notification not found"}`},
		"all marks":                 {"POST", "/mark-all-read", 200, `{"message":"all notifications were marked as read","count":2}`},
	} {
		res := notificationCall(t, srv, tc.method, tc.path, "s")
		require.Equal(t, tc.status, res.StatusCode, name)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.JSONEq(t, tc.want, string(body), name)
	}
}

func TestPagesOfNotificationsAreBounded(t *testing.T) {
	t.Parallel()
	for query, want := range map[string][2]int{
		"":                               {20, 0},
		"?limit=5&offset=10":             {5, 10},
		"?limit=100&offset=2147483647":   {100, 2147483647},
		"?limit=101&offset=2147483648":   {20, 0},
		"?limit=0&offset=-1":             {20, 0},
		"?limit=x&offset=99999999999999": {20, 0},
		"?limit[$gt]=1&offset[]=7":       {20, 0},
	} {
		svc := &fakeNotifications{}
		srv := notificationServer(t, svc, false)
		require.Equal(t, http.StatusOK, notificationCall(t, srv, "GET", "/"+query, "s").StatusCode)
		require.Equal(t, [][2]int{want}, svc.pages, query)
	}
}

const newNotification = "id: e-2\nevent: new_notification\ndata: {\"id\":\"n1\"}\n"

// openNotifications opens a stream and reads its first event.
func openNotifications(t *testing.T, srv *httptest.Server, session string) *bufio.Reader {
	t.Helper()
	res := notificationCall(t, srv, "GET", "/stream", session)
	require.Equal(t, http.StatusOK, res.StatusCode)
	in := bufio.NewReader(res.Body)
	require.Equal(t, "id: e-1\nevent: connected\ndata: {\"unreadCount\":2}\n", block(t, in))
	return in
}

func TestNotificationStream(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sub := newFakeSubscription()
			in := openNotifications(t, notificationServer(t, &fakeNotifications{}, http2, sub), "s")
			sub.publish(newNotification + "\n")
			require.Equal(t, newNotification, block(t, in))
			sub.publish() // some were lost
			require.Equal(t, "id: e-1\nevent: connected\ndata: {\"unreadCount\":2}\n", block(t, in))
			close(sub.closed)
			require.Equal(t, "event: complete\ndata: \"the server is stopping\"\n", block(t, in))
			require.Eventually(t, sub.gaveUp.Load, 5*time.Second, time.Millisecond)
		})
	}
}

// A page that left streams behind gets each notification once, and another session
// its own.
func TestTheNewestStreamOfASessionGetsTheNotifications(t *testing.T) {
	t.Parallel()
	other, old, newest := newFakeSubscription(), newFakeSubscription(), newFakeSubscription()
	srv := notificationServer(t, &fakeNotifications{}, true, other, old, newest)
	inOther := openNotifications(t, srv, "t")
	inOld := openNotifications(t, srv, "s")
	old.publish("event: new_notification\ndata: 1\n\n")
	require.Equal(t, "event: new_notification\ndata: 1\n", block(t, inOld), "it is the newest so far")
	inNewest := openNotifications(t, srv, "s")
	newest.publish("event: new_notification\ndata: 2\n\n")
	require.Equal(t, "event: new_notification\ndata: 2\n", block(t, inNewest))
	other.publish("event: new_notification\ndata: 2\n\n")
	require.Equal(t, "event: new_notification\ndata: 2\n", block(t, inOther))
	old.publish("event: new_notification\ndata: 2\n\n")
	require.Eventually(t, func() bool { return len(old.take) == 0 }, 5*time.Second, time.Millisecond)

	close(newest.closed)
	require.Contains(t, block(t, inNewest), "event: complete\n")
	require.Eventually(t, newest.gaveUp.Load, 5*time.Second, time.Millisecond)
	old.publish("event: new_notification\ndata: 3\n\n")
	require.Equal(t, "event: new_notification\ndata: 3\n", block(t, inOld), "it is the newest again, and did not get 2")
}

// Over HTTP/1.1 a session has two streams, so that its browser can do other things.
func TestTheOldestOfManyStreamsEnds(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second, third, other := newFakeSubscription(), newFakeSubscription(), newFakeSubscription(), newFakeSubscription()
			srv := notificationServer(t, &fakeNotifications{}, http2, other, first, second, third)
			openNotifications(t, srv, "t")
			in := openNotifications(t, srv, "s")
			openNotifications(t, srv, "s")
			require.False(t, first.gaveUp.Load())
			openNotifications(t, srv, "s")
			if !http2 {
				require.Equal(t, "event: complete\ndata: \"the session has newer streams\"\n", block(t, in))
				_, err := in.ReadByte()
				require.ErrorIs(t, err, io.EOF)
				require.Eventually(t, first.gaveUp.Load, 5*time.Second, time.Millisecond)
			}
			for _, sub := range []*fakeSubscription{second, third, other} {
				require.False(t, sub.gaveUp.Load())
				close(sub.closed)
			}
			if http2 {
				require.False(t, first.gaveUp.Load())
				close(first.closed)
			}
		})
	}
}
