package resource

import "github.com/kubeorch/core/models"

type object = map[string]any

// deployment is a Deployment of namespace shop with so many of 3 pods ready.
func deployment(name, uid string, ready int64) object {
	return object{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": object{"name": name, "namespace": "shop", "uid": uid, "generation": int64(1), "creationTimestamp": "2026-01-02T03:04:05Z"},
		"spec":     object{"replicas": int64(3)},
		"status": object{
			"observedGeneration": int64(1), "replicas": int64(3), "updatedReplicas": int64(3),
			"readyReplicas": ready, "availableReplicas": ready,
		},
	}
}

func pod(namespace, name, owner string) object {
	meta := object{"name": name, "namespace": namespace, "uid": "u-" + name, "creationTimestamp": "2026-01-02T03:04:06Z"}
	if owner != "" {
		meta["labels"] = object{"pod-template-hash": "abc"}
		meta["ownerReferences"] = []any{object{
			"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner + "-abc", "uid": "u", "controller": true,
		}}
	}
	return object{
		"apiVersion": "v1", "kind": "Pod", "metadata": meta,
		"spec":   object{"containers": []any{object{"name": "main", "image": "nginx:1"}}},
		"status": object{"phase": "Running"},
	}
}

func idOf(group, kind, namespace, name string) string {
	return models.ResourceRef{ClusterID: "c1", Group: group, Kind: kind, Namespace: namespace, Name: name}.ID()
}
