package inventory

import (
	"fmt"
	"time"

	"github.com/kubeorch/core/models"
)

// Diff returns the entries that a change adds to the history of an object, causes
// before effects. before is nil for an object that was not there, after for one that
// is gone; one that was deleted and made again is both. There are no entries for what
// only moves along with something else, such as figures of controllers.
func Diff(before, after *models.ResourceState, at time.Time) []models.ResourceChange {
	switch {
	case before == nil && after == nil:
		return nil
	case before == nil:
		return []models.ResourceChange{created(after, at)}
	case after == nil:
		return []models.ResourceChange{deleted(before, at)}
	case before.UID != after.UID:
		return []models.ResourceChange{deleted(before, at), created(after, at)}
	}
	c := compare(before, after)
	var entries []models.ResourceChange
	for _, entry := range []models.ResourceChange{c.scaled(), c.images(), c.labels(), c.updated(), c.restarts(), c.status()} {
		if len(entry.Changes) > 0 {
			entry.At = at
			entries = append(entries, entry)
		}
	}
	return entries
}

func created(s *models.ResourceState, at time.Time) models.ResourceChange {
	message := "was created"
	if s.Parent != "" {
		message += " by " + s.Parent
	}
	changes := map[string]any{"status": change(nil, s.Status)}
	for _, c := range containersOf(decoded(s.Spec)) {
		changes[c.field("image")] = change(nil, c.text("image"))
	}
	return models.ResourceChange{
		Action: models.ResourceCreated, Changes: changes, NewStatus: s.Status, Message: explained(message, s), At: at,
	}
}

func deleted(s *models.ResourceState, at time.Time) models.ResourceChange {
	return models.ResourceChange{
		Action:    models.ResourceWasDeleted,
		Changes:   map[string]any{"status": change(s.Status, models.ResourceDeleted)},
		OldStatus: s.Status, NewStatus: models.ResourceDeleted,
		Message: "was deleted from the cluster", At: at,
	}
}

// change is one changed field, in the form that pages show.
func change(before, after any) map[string]any { return map[string]any{"old": before, "new": after} }

// explained adds to a message why an object is not well.
func explained(message string, s *models.ResourceState) string {
	if s.Message == "" {
		return message
	}
	return fmt.Sprintf("%s: %s", message, s.Message)
}
