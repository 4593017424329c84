package status

import "k8s.io/apimachinery/pkg/runtime/schema"

// PodResource is the resource of pods.
func PodResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: "pods"}
}
