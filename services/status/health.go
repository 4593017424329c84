package status

// Awaited reports whether a node type becomes healthy some time after its object was
// applied. The others are done by being there, or wait for something that is not
// theirs: a Secret for values and a claim for its first pod, of which the pods that
// use them tell; an Ingress for a controller and an autoscaler for metrics, which not
// every cluster has; a CronJob for its hour.
func Awaited(nodeType string) bool {
	switch nodeType {
	case "deployment", "statefulset", "daemonset", "job", "service", "plugin":
		return true
	default:
		return false
	}
}

// Health tells of an awaited node whether it is healthy, and whether it never will be.
// A Job is when it has completed, or is suspended on purpose; it never will be when it
// has failed for good.
func Health(nodeType string, s Status) (healthy, never bool) {
	state, reason := s["state"], s["reason"]
	if nodeType != "job" {
		return state == "healthy", false
	}
	active, _ := wholeNumber(s["active"])
	return state == "completed" || reason == "Suspended", state == "failed" && active == 0 && reason != "FailedCreate"
}
