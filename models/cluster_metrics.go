package models

import "time"

// The sources of a cluster's CPU and memory usage.
const (
	UsageMetricsServer = "metrics-server" // usage of the nodes
	UsageRequests      = "requests"       // requests of the pods, without a metrics-server
	UsageNone          = "none"           // unknown: usage is zero
)

// ComponentHealth is one part of a cluster's control plane.
type ComponentHealth struct {
	Name    string `json:"name"`
	Status  string `json:"status"` // "healthy", "unhealthy" or "unknown"
	Message string `json:"message,omitempty"`
}

// ResourceUsage is in millicores or bytes. Percentage is 0 to 100.
type ResourceUsage struct {
	Used       int64   `json:"used"`
	Capacity   int64   `json:"capacity"`
	Percentage float64 `json:"percentage"`
}

// UsageOf returns the usage with its percentage, to two digits.
func UsageOf(used, capacity int64) ResourceUsage {
	u := ResourceUsage{Used: used, Capacity: capacity}
	if capacity > 0 && used > 0 {
		u.Percentage = float64(int64(min(1, float64(used)/float64(capacity))*10000+0.5)) / 100
	}
	return u
}

// ClusterResources is the capacity and the usage of a cluster.
type ClusterResources struct {
	CPU     ResourceUsage `json:"cpu"`
	Memory  ResourceUsage `json:"memory"`
	Storage ResourceUsage `json:"storage"` // of persistent volumes; Used is measured by nobody and zero
}

// ClusterMetrics answers GET /clusters/:name/metrics.
type ClusterMetrics struct {
	ClusterName   string            `json:"clusterName"`
	Health        []ComponentHealth `json:"health"`
	Resources     ClusterResources  `json:"resources"`
	NodeCount     int               `json:"nodeCount"`
	PodCount      int               `json:"podCount"`
	Source        string            `json:"source"`        // of the CPU and memory usage
	StorageSource string            `json:"storageSource"` // of the storage usage: UsageNone
	LastUpdated   time.Time         `json:"lastUpdated"`
}

// MetricsOverview answers GET /metrics/overview.
type MetricsOverview struct {
	Clusters []ClusterOverview `json:"clusters"`
	Totals   OverviewTotals    `json:"totals"`
}

// ClusterOverview is one cluster of the overview. When the cluster is not
// connected, its values are zero, or the last ones if it was connected just now.
type ClusterOverview struct {
	ClusterName  string     `json:"clusterName"`
	Status       string     `json:"status"`
	CPUUsed      int64      `json:"cpuUsed"`
	CPUCapacity  int64      `json:"cpuCapacity"`
	CPUPercent   float64    `json:"cpuPercent"`
	MemUsed      int64      `json:"memUsed"`
	MemCapacity  int64      `json:"memCapacity"`
	MemPercent   float64    `json:"memPercent"`
	StorUsed     int64      `json:"storUsed"`
	StorCapacity int64      `json:"storCapacity"`
	StorPercent  float64    `json:"storPercent"`
	NodeCount    int        `json:"nodeCount"`
	PodCount     int        `json:"podCount"`
	LastUpdated  *time.Time `json:"lastUpdated,omitempty"` // absent when the values are unknown
}

// OverviewTotals are the sums over all clusters of the overview.
type OverviewTotals struct {
	CPUUsed         int64   `json:"cpuUsed"`
	CPUCapacity     int64   `json:"cpuCapacity"`
	CPUPercent      float64 `json:"cpuPercent"`
	MemoryUsed      int64   `json:"memoryUsed"`
	MemoryCapacity  int64   `json:"memoryCapacity"`
	MemoryPercent   float64 `json:"memoryPercent"`
	StorageUsed     int64   `json:"storageUsed"`
	StorageCapacity int64   `json:"storageCapacity"`
	StoragePercent  float64 `json:"storagePercent"`
	NodeCount       int     `json:"nodeCount"`
	PodCount        int     `json:"podCount"`
}

// MetricsFilter is the query of GET /metrics/resources. Empty fields, and
// "all", match everything.
type MetricsFilter struct {
	Cluster   string
	Type      string
	Namespace string
}

// MetricsResource is one workload or pod of the caller's workflows.
type MetricsResource struct {
	Name        string `json:"name"`
	Namespace   string `json:"namespace"`
	Type        string `json:"type"` // "Deployment", "StatefulSet", "DaemonSet" or "Pod"
	ClusterName string `json:"clusterName"`
	Status      string `json:"status"` // "running", "pending", "failed" or "completed"
	Restarts    int64  `json:"restarts"`
}
