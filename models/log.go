package models

// LogQuery selects lines of the logs of a pod, or of the pods of a workload.
type LogQuery struct {
	Follow        bool   // go on with new lines
	Tail          int    // at most so many past lines, the newest ones; 0: all
	SinceSeconds  int    // past lines that are no older, in place of Tail; 0: Tail counts
	Container     string // empty: the first one of each pod
	AllContainers bool   // in place of Container
	Previous      bool   // the logs of the instances before the last restarts
	Filter        string // lines that contain this text, in whatever case; empty: all
	LastEventID   string // go on behind this event, in place of Tail and SinceSeconds
}

// LogMetadata tells what a stream of log lines is about. Each line of a stream of
// several logs names its pod, or its container, before its text.
type LogMetadata struct {
	Pod       string   `json:"pod"`       // of a workload: its kind and name
	Container string   `json:"container"` // empty where there are several
	Namespace string   `json:"namespace"`
	Cluster   string   `json:"cluster"`
	Pods      []string `json:"pods"` // at the start
}

// The names of further events of a stream of log lines, whose data is text.
const (
	EventLog   = "log"
	EventError = "error"
)
