package inventory

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/kubeorch/core/models"
)

// figure reports whether a key of a spec holds what controllers and kubelets report
// all the time. It is told of together with a change of the status only.
func figure(key string) bool {
	switch key {
	case "availableReplicas", "readyReplicas", "updatedReplicas", "currentReplicas",
		"currentCPUUtilization", "currentMemoryUtilization",
		"jobSucceeded", "jobFailed", "jobActive", "startTime", "completionTime",
		"activeJobs", "lastScheduleTime", "lastSuccessfulTime",
		"desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberAvailable", "numberMisscheduled",
		"nodeName", "podIP", "hostIP":
		return true
	}
	return false
}

// updated is about all that has no action of its own.
func (c *comparison) updated() models.ResourceChange {
	entry := models.ResourceChange{Action: models.ResourceUpdated, Changes: map[string]any{}}
	var said []string
	for _, key := range c.differing {
		if figure(key) || slices.Contains([]string{"replicas", "desiredReplicas", "containers"}, key) {
			continue
		}
		entry.Changes[key] = change(c.old[key], c.new[key])
		said = append(said, key)
	}
	for _, p := range c.containers {
		if p.old.object == nil || p.new.object == nil {
			continue
		}
		for _, name := range []string{"command", "args", "ports", "resources"} {
			if p.add(entry.Changes, name) {
				said = append(said, fmt.Sprintf("%s of container %s", name, p.new.text("name")))
			}
		}
	}
	if diff, differ := entries(c.before.Annotations, c.after.Annotations); len(differ) > 0 {
		entry.Changes["annotations"] = diff
		said = append(said, "annotations")
	}
	if !slices.Equal(c.before.Owners, c.after.Owners) {
		entry.Changes["ownerReferences"] = change(ownerNames(c.before), ownerNames(c.after))
		said = append(said, "owners")
	}
	if len(said) > 0 {
		entry.Message = "changed: " + sentence(said)
	}
	return entry
}

func ownerNames(s *models.ResourceState) []any {
	names := make([]any, 0, len(s.Owners))
	for _, o := range s.Owners {
		names = append(names, o.Kind+"/"+o.Name)
	}
	return names
}

// restarts is about containers that were started again.
func (c *comparison) restarts() models.ResourceChange {
	entry := models.ResourceChange{Action: models.ResourceContainerRestart, Changes: map[string]any{}}
	var said []string
	for _, p := range c.containers {
		was, is := p.old.count("restartCount"), p.new.count("restartCount")
		if p.old.object == nil || is <= was {
			continue
		}
		for _, name := range []string{"restartCount", "state", "ready"} {
			p.add(entry.Changes, name)
		}
		text := fmt.Sprintf("container %s was restarted; its restart count is %.0f", p.new.text("name"), is)
		if why := p.new.text("terminationReason"); why != "" {
			text += ", and it ended with " + why
		}
		said = append(said, text)
	}
	entry.Message = sentence(said)
	return entry
}

// status is about how the object is doing, with the figures that tell why.
func (c *comparison) status() models.ResourceChange {
	entry := models.ResourceChange{Action: models.ResourceStatusChanged, Changes: map[string]any{}}
	if c.before.Status == c.after.Status {
		return entry
	}
	entry.OldStatus, entry.NewStatus = c.before.Status, c.after.Status
	entry.Message = explained(fmt.Sprintf("went from %s to %s", c.before.Status, c.after.Status), c.after)
	entry.Changes["status"] = change(c.before.Status, c.after.Status)
	for _, key := range c.differing {
		if figure(key) {
			entry.Changes[key] = change(c.old[key], c.new[key])
		}
	}
	for _, p := range c.containers {
		if p.old.object != nil && p.new.object != nil && !reflect.DeepEqual(p.old.object, p.new.object) {
			p.add(entry.Changes, "state")
			p.add(entry.Changes, "ready")
		}
	}
	return entry
}
