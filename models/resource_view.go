package models

import "time"

// ResourceRow is a resource in a list.
type ResourceRow struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Namespace   string         `json:"namespace"`
	Type        string         `json:"type"`
	ClusterName string         `json:"clusterName"`
	Status      string         `json:"status"`
	CreatedAt   time.Time      `json:"createdAt"`
	IsFavorite  bool           `json:"isFavorite"`
	Summary     map[string]any `json:"summary"`
}

// ResourcePage answers GET /resources.
type ResourcePage struct {
	Resources []ResourceRow `json:"resources"` // never nil
	Total     int64         `json:"total"`
	Limit     int           `json:"limit"`
	Offset    int           `json:"offset"`
}

// ResourceView is a resource as one user sees it.
type ResourceView struct {
	ID              string            `json:"id"`
	UserID          string            `json:"userId"`
	ClusterID       string            `json:"clusterId"`
	ClusterName     string            `json:"clusterName"`
	Name            string            `json:"name"`
	Namespace       string            `json:"namespace"`
	Type            string            `json:"type"`
	UID             string            `json:"uid"`
	ResourceVersion string            `json:"resourceVersion"`
	Status          string            `json:"status"`
	Message         string            `json:"message,omitempty"`
	Labels          map[string]string `json:"labels,omitempty"`
	Annotations     map[string]string `json:"annotations,omitempty"`
	OwnerReferences []OwnerReference  `json:"ownerReferences,omitempty"`
	Spec            map[string]any    `json:"spec"`     // never nil
	Metadata        map[string]any    `json:"metadata"` // never nil
	WorkflowID      string            `json:"workflowId,omitempty"`
	WorkflowName    string            `json:"workflowName,omitempty"`
	UserTags        []string          `json:"userTags,omitempty"`
	UserNotes       string            `json:"userNotes,omitempty"`
	IsFavorite      bool              `json:"isFavorite"`

	CreatedAt         time.Time  `json:"createdAt"`
	FirstDiscoveredAt time.Time  `json:"firstDiscoveredAt"`
	LastSeenAt        time.Time  `json:"lastSeenAt"`
	LastSyncedAt      time.Time  `json:"lastSyncedAt"`
	DeletedAt         *time.Time `json:"deletedAt,omitempty"`
}

// ResourceHistoryEntry is one entry of a resource's history.
type ResourceHistoryEntry struct {
	ID         string         `json:"id"`
	ResourceID string         `json:"resourceId"`
	UserID     string         `json:"userId"`
	Action     string         `json:"action"`
	Changes    map[string]any `json:"changes,omitempty"`
	OldStatus  string         `json:"oldStatus,omitempty"`
	NewStatus  string         `json:"newStatus,omitempty"`
	Message    string         `json:"message,omitempty"`
	Timestamp  time.Time      `json:"timestamp"`
}

// ResourceDetail answers GET /resources/:id. History is never nil; the newest entry is
// the first.
type ResourceDetail struct {
	Resource ResourceView           `json:"resource"`
	History  []ResourceHistoryEntry `json:"history"`
}

// ResourceChildren answers GET /resources/:id/pods. One of the lists is set.
type ResourceChildren struct {
	Parent ResourceView    `json:"parent"`
	Pods   *[]ResourceView `json:"pods,omitempty"`
	Jobs   *[]ResourceView `json:"jobs,omitempty"`
	Count  int             `json:"count"`
}

// ResourceStatus is the status in a status_update.
type ResourceStatus struct {
	State   string `json:"state"`
	Message string `json:"message,omitempty"`
}

// ResourceUpdate is the data of a status_update.
type ResourceUpdate struct {
	Status ResourceStatus `json:"status"`
}

// ResourceSnapshot is the data of the metadata of a resource's stream.
type ResourceSnapshot struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Namespace string         `json:"namespace"`
	Type      string         `json:"type"`
	Status    string         `json:"status"`
	Spec      map[string]any `json:"spec"`
}
