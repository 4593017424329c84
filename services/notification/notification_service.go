package notification

import (
	"context"
	"log/slog"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// keepUnread and keepRead are how long notifications are kept: from when they
	// happened, and from when they were read.
	keepUnread = 90 * 24 * time.Hour
	keepRead   = 7 * 24 * time.Hour

	// perAccount is how many notifications an account has at most. The oldest go first.
	perAccount = 500

	// maxText bounds title and message, in runes. What clusters answer is part of them.
	maxText = 1000
)

// reader reads the stored notifications of a user.
type reader interface {
	List(ctx context.Context, userID string, limit, offset int) ([]models.Notification, error)
	Total(ctx context.Context, userID string) (int64, error)
	Unread(ctx context.Context, userID string) (int64, error)
}

// writer changes the stored notifications of a user.
type writer interface {
	Add(ctx context.Context, n models.Notification) (models.Notification, error)
	Trim(ctx context.Context, userID string, most int) error
	MarkRead(ctx context.Context, userID, id string, at, expires time.Time) error
	MarkAllRead(ctx context.Context, userID string, at, expires time.Time) (int64, error)
}

type store interface {
	reader
	writer
}

// publisher sends events to the readers of a stream.
type publisher interface {
	PublishBare(key, event string, data any) error
}

// Service keeps notifications and shows them to their users. It is safe for
// concurrent use.
type Service struct {
	store  store
	events publisher
	log    *slog.Logger
	now    func() time.Time
}

// NewService returns a service that keeps notifications in store and publishes new
// ones to events. now is the clock.
func NewService(store store, events publisher, log *slog.Logger, now func() time.Time) *Service {
	return &Service{store: store, events: events, log: log, now: now}
}

// List returns up to limit of the user's notifications behind the first offset ones,
// the newest first.
func (s *Service) List(ctx context.Context, userID string, limit, offset int) (models.NotificationPage, error) {
	list, err := s.store.List(ctx, userID, limit, offset)
	if err != nil {
		return models.NotificationPage{}, err
	}
	total, err := s.store.Total(ctx, userID)
	if err != nil {
		return models.NotificationPage{}, err
	}
	count, err := s.Count(ctx, userID)
	return models.NotificationPage{Notifications: list, Total: total, NotificationCount: count}, err
}

// Count returns how many notifications the user has not read.
func (s *Service) Count(ctx context.Context, userID string) (models.NotificationCount, error) {
	n, err := s.store.Unread(ctx, userID)
	return models.NotificationCount{Unread: n}, err
}

// MarkRead marks one of the user's notifications as read. Somebody else's is NotFound.
func (s *Service) MarkRead(ctx context.Context, userID, id string) error {
	at := models.StoredTime(s.now())
	return s.store.MarkRead(ctx, userID, id, at, at.Add(keepRead))
}

// MarkAllRead marks all of the user's notifications as read and returns how many had
// not been.
func (s *Service) MarkAllRead(ctx context.Context, userID string) (int64, error) {
	at := models.StoredTime(s.now())
	return s.store.MarkAllRead(ctx, userID, at, at.Add(keepRead))
}

// add stores n and publishes it, unless the user has the same news unread: that is
// renewed, and a page that is open shows it already. The caller sets UserID, Type,
// Title, Message and What. n may have an id, with which it is added once.
func (s *Service) add(ctx context.Context, n models.Notification) error {
	at := models.StoredTime(s.now())
	n.CreatedAt, n.UpdatedAt, n.ExpiresAt = at, at, at.Add(keepUnread)
	n.Title, n.Message = bounded(n.Title), bounded(n.Message)
	if n.ID == "" {
		n.ID = models.NewID()
	}
	stored, err := s.store.Add(ctx, n)
	switch {
	case models.KindOf(err) == models.Conflict: // it was added and read before
		return nil
	case err != nil || stored.ID != n.ID:
		return err
	}
	if err := s.store.Trim(ctx, n.UserID, perAccount); err != nil {
		s.log.WarnContext(ctx, "an account has more notifications than it should", "user", n.UserID, "err", err)
	}
	return s.events.PublishBare(models.NotificationStream(n.UserID), models.EventNewNotification, stored)
}

func bounded(text string) string {
	if r := []rune(text); len(r) > maxText {
		return string(r[:maxText]) + "…"
	}
	return text
}
