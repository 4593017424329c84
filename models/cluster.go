package models

import (
	"fmt"
	"time"
)

// The connection states of a cluster; no other value may be stored or sent.
const (
	ClusterConnected    = "connected"
	ClusterDisconnected = "disconnected"
	ClusterError        = "error"
	ClusterUnknown      = "unknown"
)

// The ways to authenticate to a cluster.
const (
	AuthToken          = "token"
	AuthServiceAccount = "serviceaccount"
	AuthCertificate    = "certificate"
	AuthKubeconfig     = "kubeconfig"
	AuthOIDC           = "oidc"
)

// ClusterCredentials are the credentials of a cluster. They are stored
// encrypted as a whole and are in no answer.
type ClusterCredentials struct {
	Token            string   `json:"token,omitempty"`
	CAData           string   `json:"caData,omitempty"`
	ClientCertData   string   `json:"clientCertData,omitempty"`
	ClientKeyData    string   `json:"clientKeyData,omitempty"`
	Kubeconfig       string   `json:"kubeconfig,omitempty"`
	Context          string   `json:"context,omitempty"`
	OIDCIssuerURL    string   `json:"oidcIssuerUrl,omitempty"`
	OIDCClientID     string   `json:"oidcClientId,omitempty"`
	OIDCClientSecret string   `json:"oidcClientSecret,omitempty"`
	OIDCRefreshToken string   `json:"oidcRefreshToken,omitempty"`
	OIDCScopes       []string `json:"oidcScopes,omitempty"`
	Namespace        string   `json:"namespace,omitempty"`
	Insecure         bool     `json:"insecure,omitempty"`
}

// ClusterMetadata is what the API server reports about a cluster.
type ClusterMetadata struct {
	Version        string    `json:"version" bson:"version"`
	Platform       string    `json:"platform" bson:"platform"`
	Provider       string    `json:"provider" bson:"provider"`
	Region         string    `json:"region" bson:"region"`
	NodeCount      int       `json:"nodeCount" bson:"node_count"`
	CPUCapacity    string    `json:"cpuCapacity" bson:"cpu_capacity"`
	MemoryCapacity string    `json:"memoryCapacity" bson:"memory_capacity"`
	StorageClasses []string  `json:"storageClasses" bson:"storage_classes"`
	Namespaces     []string  `json:"namespaces" bson:"namespaces"`
	Capabilities   []string  `json:"capabilities" bson:"capabilities"`
	LastUpdated    time.Time `json:"lastUpdated,omitzero" bson:"last_updated"`
}

// Cluster is a registered cluster. Name is its address in paths and unique
// for its owner.
type Cluster struct {
	ID          string            `json:"id" bson:"_id"`
	OwnerID     string            `json:"-" bson:"owner_id"`
	Name        string            `json:"name" bson:"name"`
	DisplayName string            `json:"displayName" bson:"display_name"`
	Description string            `json:"description" bson:"description"`
	Server      string            `json:"server" bson:"server"`
	AuthType    string            `json:"authType" bson:"auth_type"`
	Status      string            `json:"status" bson:"status"`
	Default     bool              `json:"default" bson:"-"` // for the user who reads it
	SingleNode  bool              `json:"singleNode" bson:"single_node"`
	Labels      map[string]string `json:"labels,omitempty" bson:"labels,omitempty"`
	Namespace   string            `json:"namespace" bson:"namespace"`
	Insecure    bool              `json:"insecure" bson:"insecure"`
	Metadata    ClusterMetadata   `json:"metadata" bson:"metadata"`
	LastCheck   *time.Time        `json:"-" bson:"last_check,omitempty"`
	LastError   string            `json:"lastError,omitempty" bson:"last_error,omitempty"` // why Status is not connected
	Failures    int               `json:"-" bson:"failures,omitempty"`                     // background checks that failed in a row
	CreatedAt   time.Time         `json:"createdAt" bson:"created_at"`
	UpdatedAt   time.Time         `json:"updatedAt" bson:"updated_at"`

	// Notice tells a side effect of the request that changed the cluster.
	Notice string `json:"notice,omitempty" bson:"-"`

	Sealed            []byte `json:"-" bson:"credentials"`        // ClusterCredentials as JSON, encrypted
	CredentialVersion int64  `json:"-" bson:"credential_version"` // grows with every change of server or credentials

	*ClusterMembership `bson:"-"` // nil for the owner
}

// ClusterInput is the body of POST /clusters.
type ClusterInput struct {
	Name        string             `json:"name"`
	Server      string             `json:"server"`
	AuthType    string             `json:"authType"`
	Credentials ClusterCredentials `json:"credentials"`
	DisplayName string             `json:"displayName"`
	Description string             `json:"description"`
	SingleNode  bool               `json:"singleNode"`
	Labels      map[string]string  `json:"labels"`
}

// ClusterStatus answers GET /clusters/:name/status.
type ClusterStatus struct {
	Cluster   string    `json:"cluster"`
	Status    string    `json:"status"`
	LastCheck time.Time `json:"lastCheck,omitzero"`
	IsStale   bool      `json:"isStale"`
	IsOnline  bool      `json:"isOnline"`
}

// ClusterList answers GET /clusters. Default is the id of the default
// cluster, or "".
type ClusterList struct {
	Clusters []Cluster `json:"clusters"`
	Default  string    `json:"default"`
}

// ClusterDeletion answers DELETE /clusters/:name.
type ClusterDeletion struct {
	Cluster string `json:"cluster"` // as it was called
	// Workflows is how many workflows were drawn for the cluster or have run in it.
	Workflows int64 `json:"workflows"`
	// Default is the id of the caller's default cluster afterwards, or "".
	Default string `json:"default"`
	Message string `json:"message"`
}

// Text returns what a person should know of the deletion.
func (d ClusterDeletion) Text() string {
	if d.Workflows == 0 {
		return "cluster deleted"
	}
	return fmt.Sprintf("cluster deleted; %d of the workflows belong to it: what they made stays in the cluster, "+
		"and they cannot run until they are given another cluster", d.Workflows)
}

// ClusterPatch is the body of PUT /clusters/:name; nil leaves a field alone.
type ClusterPatch struct {
	DisplayName *string            `json:"displayName"`
	Description *string            `json:"description"`
	Server      *string            `json:"server"`
	AuthType    *string            `json:"authType"`
	SingleNode  *bool              `json:"singleNode"`
	Labels      *map[string]string `json:"labels"`
	Insecure    *bool              `json:"insecure"`
	// Credentials replace the stored ones field by field. An empty field leaves
	// the stored one, except Insecure, which forms clear by leaving it out.
	Credentials *ClusterCredentials `json:"credentials"`
}

// ClusterTest answers POST /clusters/:name/test.
type ClusterTest struct {
	Cluster string
	Status  string
	Message string // why the test failed; "" when it passed
}

// OK reports whether the cluster answered and accepted the credentials.
func (t ClusterTest) OK() bool { return t.Status == ClusterConnected }

// String hides every value, so that %v cannot log credentials.
func (ClusterCredentials) String() string { return "[credentials]" }

// GoString hides every value.
func (ClusterCredentials) GoString() string { return "[credentials]" }

// LostAccess reports whether err says that a user has no access. It is false for
// errors that leave this open, such as those of a database that does not answer.
func LostAccess(err error) bool {
	switch KindOf(err) {
	case NotFound, Forbidden, Conflict, Invalid:
		return err != nil
	default:
		return false
	}
}
