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
	// Kind, Namespace and Name are those of the object that it is about. Kind is
	// empty for a kind of an operator, as in the Source of plugin nodes.
	Kind, Namespace, Name string
	UID                   string // of the object
	Reason                string
	Text                  string // empty where only the reason counts
	Warning               bool
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
	kind := about.text("kind")
	if IsCustom(schema.FromAPIVersionAndKind(about.text("apiVersion"), kind).GroupKind()) {
		kind = ""
	} else if kind == "" {
		return nil
	}
	reason := o.text("reason")
	if !anyReason(kind) && !slices.Contains(spokenOf(kind), reason) {
		return nil
	}
	e := &Event{
		Kind: intern(kind), Namespace: intern(about.text("namespace")), Name: about.text("name"), UID: about.text("uid"),
		Reason: intern(reason), Warning: o.text("type") == "Warning",
		Times: max(1, o.number("count"), o.number("deprecatedCount"), o.at("series").number("count")),
		Last:  lastTime(o),
	}
	if e.Warning || !anyReason(kind) {
		e.Text = Clean(cmp.Or(o.text("message"), o.text("note")))
	}
	return e
}

// anyReason reports whether statuses of a kind speak of every warning. The
// controllers of these kinds are not part of Kubernetes, and each has reasons of
// its own.
func anyReason(kind string) bool { return kind == "" || kind == "Ingress" }

// spokenOf returns the reasons that the statuses of a kind, or of what owns
// objects of that kind, speak of.
func spokenOf(kind string) []string {
	switch kind {
	case "StatefulSet", "DaemonSet", "Job":
		return []string{"FailedCreate", "SuccessfulCreate"}
	case "CronJob":
		return []string{
			"FailedCreate", "SuccessfulCreate", "UnparseableSchedule", "UnknownTimeZone", "TooManyMissedTimes", "MissSchedule",
		}
	case "Pod":
		return []string{
			"FailedMount", "FailedMapVolume", "FailedAttachVolume", "SuccessfulAttachVolume", "FailedCreatePodSandBox",
			"NetworkNotReady", "FailedPrepareDynamicResources", "Unhealthy", "FailedToRetrieveImagePullSecret",
		}
	case "PersistentVolumeClaim":
		return []string{
			"ProvisioningFailed", "ProvisioningSucceeded", "FailedBinding", "WaitForFirstConsumer", "WaitForPodScheduled",
			"ExternalProvisioning", "VolumeResizeFailed", "FileSystemResizeFailed", "FileSystemResizeSuccessful",
		}
	case "Service":
		return append(balancerFailures(), "EnsuredLoadBalancer", "IPAllocated", "SuccessfullyReconciled")
	case "HorizontalPodAutoscaler":
		return []string{
			"FailedGetResourceMetric", "FailedGetContainerResourceMetric", "FailedGetPodsMetric", "FailedGetObjectMetric",
			"FailedGetExternalMetric", "InvalidMetricSourceType",
		}
	}
	return nil
}

// Events reports whether the status of the node speaks of events.
func (s Source) Events() bool {
	return s.Pods == NodePods || s.Kind == "Ingress" || spokenOf(s.Kind) != nil
}

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

// JobOwner returns the name that a CronJob has if it made a Job of that name: it
// appends the minute for which the Job was scheduled.
func JobOwner(job string) (cronJob string, ok bool) {
	cronJob, minute, ok := cutLast(job)
	_, err := strconv.ParseUint(minute, 10, 63)
	return cronJob, ok && err == nil && cronJob != ""
}

// current returns the events that may explain the state of o and its pods. An
// event stays for an hour, usually: earlier objects of the same name have some,
// and so have pods that have overcome what an event tells.
func current(o *Object, pods []*Pod, events []*Event) []*Event {
	byUID := make(map[string]*Pod, len(pods))
	for _, p := range pods {
		byUID[p.uid] = p
	}
	var left []*Event
	for _, e := range events {
		fits := e.Name != o.Name || e.UID == "" || e.UID == o.UID
		if e.Kind == "Pod" {
			p := byUID[e.UID]
			fits = p != nil && p.mayBeFor(e.Reason)
		}
		if fits {
			left = append(left, e)
		}
	}
	return left
}

// after reports whether e comes after the other one, and decides between two of
// one second, the unit in which most are reported. A failure that lasts is
// reported again, so that of the two the success counts.
func (e *Event) after(other *Event) bool {
	switch {
	case other == nil || e.Last.After(other.Last):
		return true
	case !e.Last.Equal(other.Last):
		return false
	case e.Warning != other.Warning:
		return other.Warning
	}
	return e.Text < other.Text
}

// latest returns the latest of the events that want accepts, or nil.
func latest(events []*Event, want func(*Event) bool) (last *Event) {
	for _, e := range events {
		if want(e) && e.after(last) {
			last = e
		}
	}
	return last
}

// newest returns the latest of events about objects of a kind with one of the
// reasons, or nil.
func newest(events []*Event, kind string, reasons ...string) *Event {
	return latest(events, func(e *Event) bool { return e.Kind == kind && slices.Contains(reasons, e.Reason) })
}

// sameTry is within which time a controller may report several things of one try.
const sameTry = time.Minute

// warning returns the latest warning about objects of a kind, or nil if something
// went well after it. What a controller that tries again and again reports
// beside each warning does not count.
func warning(events []*Event, kind string) *Event {
	bad := latest(events, func(e *Event) bool { return e.Kind == kind && e.Warning })
	good := latest(events, func(e *Event) bool { return e.Kind == kind && !e.Warning })
	if bad != nil && good != nil && good.Last.Sub(bad.Last) > sameTry {
		return nil
	}
	return bad
}

// about returns the events about objects of a name.
func about(events []*Event, name string) (found []*Event) {
	for _, e := range events {
		if e.Name == name {
			found = append(found, e)
		}
	}
	return found
}

// refusedBy returns why the cluster makes nothing for an object of a kind, such
// as a quota or a missing service account, or "" when it does by now.
func refusedBy(events []*Event, kind string) string {
	e := newest(events, kind, "FailedCreate", "SuccessfulCreate")
	if !e.is("FailedCreate") {
		return ""
	}
	return refusal(e.Text)
}
