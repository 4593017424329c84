package models

import "time"

// The types of notifications.
const (
	NotifyDeployed = "workflow_deployed"
	NotifyFailed   = "workflow_failed"
	NotifyWarning  = "resource_warning" // something is wrong that works at other times
	NotifySystem   = "system"
)

// The names of the events of a notification stream. Their data has no envelope.
const (
	EventConnected       = "connected"        // the reader's NotificationCount; again after a gap
	EventNewNotification = "new_notification" // a Notification
)

// NotificationStream returns the key of a user's notification stream.
func NotificationStream(userID string) string { return "notifications:" + userID }

// Notification is one piece of news for one user. It holds no secret.
type Notification struct {
	ID        string    `json:"id" bson:"_id"`
	UserID    string    `json:"userId" bson:"user_id"`
	Type      string    `json:"type" bson:"type"`
	Title     string    `json:"title" bson:"title"`
	Message   string    `json:"message" bson:"message"`
	Read      bool      `json:"read" bson:"read"`
	Link      string    `json:"link,omitempty" bson:"link"`    // path of a page of the frontend
	RefID     string    `json:"refId,omitempty" bson:"ref_id"` // of what it is about
	CreatedAt time.Time `json:"createdAt" bson:"created_at"`   // when it happened, the last time
	UpdatedAt time.Time `json:"updatedAt" bson:"updated_at"`

	// What tells the news about one RefID apart, such as the id of a run. A user has
	// the same news unread once.
	What      string    `json:"-" bson:"what"`
	ExpiresAt time.Time `json:"-" bson:"expires_at"`
}

// NotificationCount is how many notifications a user has not read.
type NotificationCount struct {
	Unread int64 `json:"unreadCount"`
}

// NotificationPage answers GET /user-notifications.
type NotificationPage struct {
	Notifications []Notification `json:"notifications"` // never nil; the newest first
	Total         int64          `json:"total"`
	NotificationCount
}
