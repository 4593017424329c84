// Package inventory says what is kept of the objects of a cluster: which kinds, what
// of each object, how it is doing, and what changed between two looks at it.
// Everything here takes values and returns values.
package inventory

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind says how the objects of one kind are read from a cluster, and what is kept
// of them. Kinds cannot be compared; their resources can.
type Kind struct {
	schema.GroupVersionResource
	Kind       string
	Namespaced bool
	Metadata   bool   // reading the objects' metadata is enough
	Fields     string // selector of fields; empty selects all objects

	// read adds to a reading what a whole object says; nil where its existence is all
	// there is to know.
	read func(*reading)
}

// Builtin returns the kinds that are kept of every cluster. Each resource is that of
// the version that all supported releases of Kubernetes serve.
func Builtin() []Kind {
	return []Kind{
		whole("apps", "v1", "deployments", "Deployment", (*reading).deployment),
		whole("", "v1", "pods", "Pod", (*reading).pod),
		whole("", "v1", "services", "Service", (*reading).service),
		whole("apps", "v1", "statefulsets", "StatefulSet", (*reading).statefulSet),
		existence("", "v1", "configmaps", "ConfigMap"),
		secrets(),
		whole("networking.k8s.io", "v1", "ingresses", "Ingress", (*reading).ingress),
		whole("batch", "v1", "jobs", "Job", (*reading).job),
		whole("batch", "v1", "cronjobs", "CronJob", (*reading).cronJob),
		whole("apps", "v1", "daemonsets", "DaemonSet", (*reading).daemonSet),
		whole("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", (*reading).scaler),
		whole("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", (*reading).networkPolicy),
		ofCluster(whole("", "v1", "nodes", "Node", (*reading).node)),
		ofCluster(whole("", "v1", "namespaces", "Namespace", (*reading).namespace)),
		whole("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", (*reading).claim),
		ofCluster(whole("", "v1", "persistentvolumes", "PersistentVolume", (*reading).volume)),
		ofCluster(whole("storage.k8s.io", "v1", "storageclasses", "StorageClass", (*reading).storageClass)),
		existence("", "v1", "serviceaccounts", "ServiceAccount"),
		existence("rbac.authorization.k8s.io", "v1", "roles", "Role"),
		ofCluster(existence("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole")),
	}
}

// Custom returns how the custom resources of a kind are kept: their metadata, and
// how they are doing by their conditions.
func Custom(resource schema.GroupVersionResource, kind string, namespaced bool) Kind {
	return Kind{GroupVersionResource: resource, Kind: kind, Namespaced: namespaced, read: (*reading).custom}
}

func whole(group, version, plural, kind string, read func(*reading)) Kind {
	k := existence(group, version, plural, kind)
	k.Metadata, k.read = false, read
	return k
}

func existence(group, version, plural, kind string) Kind {
	resource := schema.GroupVersionResource{Group: group, Version: version, Resource: plural}
	return Kind{GroupVersionResource: resource, Kind: kind, Namespaced: true, Metadata: true}
}

func ofCluster(k Kind) Kind {
	k.Namespaced = false
	return k
}

// secrets leaves out the tokens that a cluster makes for every service account.
func secrets() Kind {
	k := existence("", "v1", "secrets", "Secret")
	k.Fields = "type!=kubernetes.io/service-account-token"
	return k
}

// ChildKind returns the kind of the objects that those of a kind make, and the name
// of their list in answers. ok is false for kinds whose children are not listed.
func ChildKind(kind string) (child, listKey string, ok bool) {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "Job":
		return "Pod", "pods", true
	case "CronJob":
		return "Job", "jobs", true
	}
	return "", "", false
}

// HasLogs reports whether objects of a kind have logs.
func HasLogs(kind string) bool { return kind == "Pod" }

// HasTerminal reports whether a terminal can be opened in objects of a kind.
func HasTerminal(kind string) bool { return kind == "Pod" }
