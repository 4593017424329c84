package warning

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
)

// storageClasses finds claims that no provisioner would serve.
func storageClasses(o *unstructured.Unstructured, in *input) (found []models.PlanWarning) {
	claims := []map[string]any{}
	switch o.GetKind() {
	case "PersistentVolumeClaim":
		claims = append(claims, o.Object)
	case "StatefulSet":
		list, _, _ := unstructured.NestedSlice(o.Object, "spec", "volumeClaimTemplates")
		for _, c := range list {
			if claim, ok := c.(map[string]any); ok {
				claims = append(claims, claim)
			}
		}
	}
	for _, claim := range claims {
		class, named, _ := unstructured.NestedString(claim, "spec", "storageClassName")
		volume, _, _ := unstructured.NestedString(claim, "spec", "volumeName")
		switch {
		case named && class != "" && in.facts.StorageClasses.lacks(class):
			found = append(found, models.PlanWarning{Field: "storageClassName", Code: StorageClass, Message: fmt.Sprintf(
				"the cluster has no storage class %q; the claim waits until there is one or a volume fits", class)})
		case !named && volume == "" && in.facts.StorageClasses.Known && !in.facts.StorageClasses.Default:
			found = append(found, models.PlanWarning{Field: "storageClassName", Code: StorageClass, Message: "the cluster has no default storage class, and the claim names none"})
		}
	}
	return found
}

// ingressClass finds Ingresses that no controller would serve.
func ingressClass(o *unstructured.Unstructured, in *input) []models.PlanWarning {
	if o.GetKind() != "Ingress" || o.GetAnnotations()["kubernetes.io/ingress.class"] != "" {
		return nil
	}
	class, named, _ := unstructured.NestedString(o.Object, "spec", "ingressClassName")
	w := models.PlanWarning{Field: "ingressClassName", Code: IngressClass}
	switch {
	case named && in.facts.IngressClasses.lacks(class):
		w.Message = fmt.Sprintf("the cluster has no ingress class %q; nothing serves the Ingress", class)
	case !named && in.facts.IngressClasses.Known && !in.facts.IngressClasses.Default:
		w.Message = "the cluster has no default ingress class, and the Ingress names none"
	default:
		return nil
	}
	return []models.PlanWarning{w}
}
