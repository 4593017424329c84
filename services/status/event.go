package status

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Event is the extract of one event of the cluster: what a controller or a
// kubelet reports of an object. It does not change.
type Event struct {
	Kind, Namespace, Name string // of the object that it is about
	Reason                string
	Text                  string
	Times                 int64 // how often it was reported
	Last                  time.Time
}

// EventResource is the resource of events.
func EventResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: "events"}
}

// EventFields is a field selector that leaves out the events that every pod
// causes in its usual life. They are most of the events of a cluster.
const EventFields = "reason!=Scheduled,reason!=Pulling,reason!=Pulled,reason!=Created,reason!=Started,reason!=Killing"

// ExtractEvent reduces an event of v1 or of events.k8s.io/v1. It returns nil
// for one that no status speaks of, which are most.
func ExtractEvent(u *unstructured.Unstructured) *Event {
	o := object(u.Object)
	about := o.at("involvedObject")
	if about == nil {
		about = o.at("regarding")
	}
	e := &Event{
		Kind: intern(about.text("kind")), Namespace: intern(about.text("namespace")), Name: about.text("name"),
		Reason: intern(o.text("reason")),
		Text:   Clean(cmp.Or(o.text("message"), o.text("note"))),
		Times:  max(1, o.number("count"), o.number("deprecatedCount"), o.at("series").number("count")),
		Last:   lastTime(o),
	}
	if !slices.Contains(spokenOf(e.Kind), e.Reason) {
		return nil
	}
	return e
}

// spokenOf returns the reasons that the statuses of a kind, or of what owns
// objects of that kind, speak of.
func spokenOf(kind string) []string {
	switch kind {
	case "StatefulSet", "DaemonSet", "Job", "CronJob":
		return []string{"FailedCreate", "SuccessfulCreate", "UnparseableSchedule", "UnknownTimeZone", "TooManyMissedTimes"}
	case "Pod":
		return []string{"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "Unhealthy"}
	case "PersistentVolumeClaim":
		return []string{
			"ProvisioningFailed", "ProvisioningSucceeded", "FailedBinding", "WaitForFirstConsumer", "WaitForPodScheduled",
			"ExternalProvisioning", "VolumeResizeFailed",
		}
	case "Service":
		return []string{"SyncLoadBalancerFailed", "EnsuredLoadBalancer"}
	}
	return nil
}

// Events reports whether the status of the node speaks of events.
func (s Source) Events() bool { return s.Pods == NodePods || spokenOf(s.Kind) != nil }

// lastTime returns when an event was reported last. Reporters fill different
// fields.
func lastTime(o object) (last time.Time) {
	for _, text := range []string{
		o.at("series").text("lastObservedTime"), o.text("lastTimestamp"), o.text("deprecatedLastTimestamp"),
		o.text("eventTime"), o.at("metadata").text("creationTimestamp"),
	} {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil && at.After(last) {
			last = at
		}
	}
	return last
}

// ClaimOwners returns the names of the StatefulSets that a claim may have been
// made for: claims are named <template>-<StatefulSet>-<number>, and both names
// may have hyphens.
func ClaimOwners(claim string) (names []string) {
	rest, number, ok := cutLast(claim)
	if _, err := strconv.ParseUint(number, 10, 31); !ok || err != nil {
		return nil
	}
	for {
		var found bool
		if _, rest, found = strings.Cut(rest, "-"); !found {
			return names
		}
		if rest != "" {
			names = append(names, rest)
		}
	}
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// is reports whether there is an event of that reason.
func (e *Event) is(reason string) bool { return e != nil && e.Reason == reason }

// lasts reports whether a kubelet has tried often enough to take what keeps a
// pod from starting for lasting. A probe that fails may wait for a slow start.
func (e *Event) lasts() bool { return e.Reason != "Unhealthy" && e.Times >= 3 }

// newest returns the latest of events about objects of a kind with one of the
// reasons, the same of several at one time every time, or nil.
func newest(events []*Event, kind string, reasons ...string) (latest *Event) {
	for _, e := range events {
		if e.Kind != kind || !slices.Contains(reasons, e.Reason) {
			continue
		}
		if latest == nil || e.Last.After(latest.Last) || e.Last.Equal(latest.Last) && e.Text < latest.Text {
			latest = e
		}
	}
	return latest
}

// refusedBy returns why the cluster makes nothing for an object of a kind, such
// as a quota or a missing service account, or "" when it does by now.
func refusedBy(events []*Event, kind string) string {
	e := newest(events, kind, "FailedCreate", "SuccessfulCreate")
	if e == nil || e.Reason != "FailedCreate" {
		return ""
	}
	return refusal(e.Text)
}
