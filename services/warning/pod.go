package warning

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
)

// podSpec returns the specification of the pods that o makes, or nil.
func podSpec(o *unstructured.Unstructured) map[string]any {
	path := []string{"spec", "template", "spec"}
	if o.GetKind() == "CronJob" {
		path = []string{"spec", "jobTemplate", "spec", "template", "spec"}
	}
	spec, _, _ := unstructured.NestedMap(o.Object, path...)
	return spec
}

// containers returns the containers of a pod, those that start first included.
func containers(spec map[string]any) (all []map[string]any) {
	for _, field := range []string{"initContainers", "containers"} {
		list, _ := spec[field].([]any)
		for _, c := range list {
			if container, ok := c.(map[string]any); ok {
				all = append(all, container)
			}
		}
	}
	return all
}

// images finds images that are another one tomorrow.
func images(o *unstructured.Unstructured, _ *input) (found []models.PlanWarning) {
	for _, c := range containers(podSpec(o)) {
		image, _ := c["image"].(string)
		ref, err := reference.ParseNormalizedNamed(image)
		if err != nil {
			continue
		}
		if _, pinned := ref.(reference.Digested); pinned {
			continue
		}
		tagged, hasTag := ref.(reference.Tagged)
		text := "has no tag, which means latest"
		if hasTag {
			text = "has the tag latest"
		}
		if !hasTag || tagged.Tag() == "latest" {
			found = append(found, models.PlanWarning{
				Field: "image", Code: ImageLatest, Message: fmt.Sprintf("the image %s %s: pods that start later may run other content", image, text),
			})
		}
	}
	return found
}

// limits finds containers that may use all of their node.
func limits(o *unstructured.Unstructured, _ *input) (found []models.PlanWarning) {
	for _, c := range containers(podSpec(o)) {
		set, _, _ := unstructured.NestedMap(c, "resources", "limits")
		missing := slices.DeleteFunc([]string{"cpu", "memory"}, func(name string) bool { return set[name] != nil })
		if len(missing) > 0 {
			found = append(found, models.PlanWarning{
				Field: "resources", Code: NoLimits, Message: fmt.Sprintf("the container %v has no limit of %s", c["name"], strings.Join(missing, " and ")),
			})
		}
	}
	return found
}

// privileged finds containers that may do anything on their node.
func privileged(o *unstructured.Unstructured, _ *input) (found []models.PlanWarning) {
	for _, c := range containers(podSpec(o)) {
		if is, _, _ := unstructured.NestedBool(c, "securityContext", "privileged"); is {
			found = append(found, models.PlanWarning{
				Field: "securityContext", Code: Privileged, Message: fmt.Sprintf("the container %v is privileged: it may do anything on its node", c["name"]),
			})
		}
	}
	return found
}

// hosts finds pods that share namespaces or files of their node.
func hosts(o *unstructured.Unstructured, _ *input) (found []models.PlanWarning) {
	spec := podSpec(o)
	for _, field := range []string{"hostNetwork", "hostPID", "hostIPC"} {
		if spec[field] == true {
			found = append(found, models.PlanWarning{
				Field: field, Code: HostNamespaces, Message: "the pods share the " + strings.TrimPrefix(field, "host") + " namespace of their node",
			})
		}
	}
	volumes, _ := spec["volumes"].([]any)
	for _, v := range volumes {
		volume, _ := v.(map[string]any)
		if path, has, _ := unstructured.NestedString(volume, "hostPath", "path"); has {
			found = append(found, models.PlanWarning{
				Field: "volumes", Code: HostPath, Message: fmt.Sprintf("the volume %v is the path %s of whichever node the pod is on", volume["name"], path),
			})
		}
	}
	return found
}
