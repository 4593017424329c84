package status

import "slices"

// wait is what a healthy pod goes through before it is ready.
type wait string

const (
	noWait        wait = ""
	waitForStart  wait = "containers are being created; they may wait for an image or a volume"
	waitForImages wait = "volumes are mounted, and containers are being created; they may wait for an image"
	waitForInit   wait = "init containers are running"
	waitForProbe  wait = "running, and the readiness probe has not succeeded yet"
	waitForGates  wait = "held back by scheduling gates, which something else has to remove"
)

// Waits says what a pod with which nothing is wrong waits for, or is empty.
func (p *Pod) Waits() string { return string(p.waits) }

func waitsFor(pod object) wait {
	st := pod.at("status")
	if st.text("phase") == "Running" {
		return waitForProbe
	}
	if pod.condition("PodScheduled").reason == "SchedulingGated" {
		return waitForGates
	}
	for _, c := range st.list("containerStatuses") {
		reason := c.at("state", "waiting").text("reason")
		switch {
		case reason != "ContainerCreating" && reason != "PodInitializing":
		case !hasSandbox(pod):
			return waitForStart
		case reason == "PodInitializing":
			return waitForInit
		default:
			return waitForImages
		}
	}
	return noWait
}

// hasSandbox reports whether the volumes of a pod are mounted and its network is
// there, which is known of it by a condition or by a container that has started.
func hasSandbox(pod object) bool {
	if pod.condition("PodReadyToStartContainers").status == "True" {
		return true
	}
	st := pod.at("status")
	return slices.ContainsFunc(append(st.list("initContainerStatuses"), st.list("containerStatuses")...), func(c object) bool {
		return c.at("state", "running") != nil || c.at("state", "terminated") != nil || len(c.at("lastState")) > 0
	})
}

// mayBeFor reports whether events with a reason may tell why the pod is not ready.
func (p *Pod) mayBeFor(reason string) bool {
	switch reason {
	case "Unhealthy":
		return p.waits == waitForProbe || p.Problem != nil
	case "FailedToRetrieveImagePullSecret":
		return p.Problem != nil
	}
	return p.waits == waitForStart
}

// blockedBy returns the latest event that tells why one of several pods waits, and
// what that pod waits for. Without such an event it returns nil and what any of
// them waits for, the same of several every time.
func blockedBy(events []*Event, pods []*Pod) (last *Event, waits wait) {
	for _, p := range pods {
		if p.waits == noWait {
			continue
		}
		e := latest(events, func(e *Event) bool { return e.Kind == "Pod" && e.UID == p.uid })
		switch {
		case e != nil && e.Reason != "SuccessfulAttachVolume" && e.after(last):
			last, waits = e, p.waits
		case last == nil && (waits == noWait || p.waits < waits):
			waits = p.waits
		}
	}
	return last, waits
}
