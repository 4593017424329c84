package status

// Removed returns the status of a node whose object was taken away on purpose.
func Removed(nodeType string) Status {
	return with(neutral(nodeType), "Removed", "removed from the cluster")
}

// Unseen returns the status of a node whose object can no longer be read. The
// object may well be there.
func Unseen(nodeType, why string) Status {
	return with(neutral(nodeType), "AccessLost", why)
}

// neutral is what panels show as neither good nor bad, for which every node
// type has a word of its own.
func neutral(nodeType string) Status {
	s := Status{"state": "pending"}
	switch nodeType {
	case "deployment", "statefulset", "plugin":
		s = Status{"state": "partial", "readyReplicas": int64(0), "replicas": int64(0)}
	case "daemonset":
		s = Status{"state": "partial", "numberReady": int64(0), "desiredNumberScheduled": int64(0)}
	case "service":
		s["state"] = "partial"
	case "cronjob":
		s["state"] = "suspended"
	case "hpa":
		s["state"] = "scaling"
	case "persistentvolumeclaim":
		s["state"] = "Pending"
	}
	return s
}
