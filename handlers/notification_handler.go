package handlers

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// notifications is what these handlers need.
type notifications interface {
	List(ctx context.Context, userID string, limit, offset int) (models.NotificationPage, error)
	Count(ctx context.Context, userID string) (models.NotificationCount, error)
	MarkRead(ctx context.Context, userID, id string) error
	MarkAllRead(ctx context.Context, userID string) (int64, error)
}

// Notification serves /user-notifications.
type Notification struct {
	svc       notifications
	subscribe Subscribe
	newest    *newestStreams
	log       *slog.Logger
}

// NewNotification returns handlers that act through svc and read new notifications
// from the streams of subscribe. Panics of a stream are logged to log.
func NewNotification(svc notifications, subscribe Subscribe, log *slog.Logger) *Notification {
	return &Notification{svc: svc, subscribe: subscribe, newest: newNewestStreams(), log: log}
}

// List answers GET /user-notifications.
func (h *Notification) List(c *gin.Context) error {
	const limit, maxLimit = 20, 100
	page, err := h.svc.List(c.Request.Context(), caller(c).UserID,
		queryInt(c, "limit", limit, maxLimit), queryInt(c, "offset", 0, math.MaxInt32))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, page)
	return nil
}

// UnreadCount answers GET /user-notifications/unread-count.
func (h *Notification) UnreadCount(c *gin.Context) error {
	count, err := h.svc.Count(c.Request.Context(), caller(c).UserID)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, count)
	return nil
}

// MarkRead answers PATCH /user-notifications/:id/read.
func (h *Notification) MarkRead(c *gin.Context) error {
	if err := h.svc.MarkRead(c.Request.Context(), caller(c).UserID, c.Param("id")); err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "the notification was marked as read"})
	return nil
}

// MarkAllRead answers POST /user-notifications/mark-all-read.
func (h *Notification) MarkAllRead(c *gin.Context) error {
	n, err := h.svc.MarkAllRead(c.Request.Context(), caller(c).UserID)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "all notifications were marked as read", "count": n})
	return nil
}

// Stream answers GET /user-notifications/stream: how many notifications the caller
// has not read, then each new one until the reader leaves. When events were lost, the
// number is sent again. Of several streams of one session, the one that was opened
// last gets the notifications.
func (h *Notification) Stream(c *gin.Context) error {
	who := caller(c)
	sub, err := h.subscribe(models.NotificationStream(who.UserID), c.GetHeader("Last-Event-ID"))
	if err != nil {
		return err
	}
	count, err := h.svc.Count(c.Request.Context(), who.UserID)
	if err != nil {
		sub.Close()
		return err
	}
	place := h.newest.join(c.Request.Context(), cmp.Or(who.SessionID, who.TokenID), c.Request.ProtoMajor == 1)
	s := openStream(c, h.log)
	_ = s.event(sub.Position(), models.EventConnected, count) // a reader that has left fails the next send, too
	s.serve(c.Request.Context(), func(ctx context.Context) {
		defer sub.Close()
		defer place.leave()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(place.replaced, cancel)()
		s.follow(ctx, newestOnly{sub, place}, func(ctx context.Context) error {
			count, err := h.svc.Count(ctx, who.UserID)
			if err != nil {
				return err
			}
			return s.event(sub.Position(), models.EventConnected, count)
		})
		if place.replaced.Err() != nil {
			_ = s.event("", models.EventComplete, "the session has newer streams")
		}
	})
	return nil
}
