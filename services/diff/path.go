package diff

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// pathText returns a path as people read it: spec.containers[name=web].image,
// metadata.labels["app.kubernetes.io/name"].
func pathText(path fieldpath.Path) string {
	var b strings.Builder
	for _, e := range path {
		if text := elementText(e); strings.HasPrefix(text, "[") || b.Len() == 0 {
			b.WriteString(text)
		} else {
			b.WriteString("." + text)
		}
	}
	return b.String()
}

func elementText(e fieldpath.PathElement) string {
	switch {
	case e.FieldName != nil && isPlain(*e.FieldName):
		return *e.FieldName
	case e.FieldName != nil:
		return "[" + strconv.Quote(*e.FieldName) + "]"
	case e.Key != nil:
		parts := make([]string, len(*e.Key))
		for i, f := range *e.Key {
			parts[i] = fmt.Sprintf("%s=%v", f.Name, f.Value.Unstructured())
		}
		return "[" + strings.Join(parts, ",") + "]"
	case e.Value != nil:
		return fmt.Sprintf("[=%v]", (*e.Value).Unstructured())
	case e.Index != nil:
		return "[" + strconv.Itoa(*e.Index) + "]"
	}
	return ""
}

func isPlain(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// below returns path with one more element. It shares nothing that others append to.
func below(path fieldpath.Path, e fieldpath.PathElement) fieldpath.Path {
	return append(path[:len(path):len(path)], e)
}

// fieldAt returns the name of the field at place i of path, or "".
func fieldAt(path fieldpath.Path, i int) string {
	if i < 0 || i >= len(path) || path[i].FieldName == nil {
		return ""
	}
	return *path[i].FieldName
}

// manifestHash is an annotation that changes with everything else.
const manifestHash = "kubeorch.io/manifest-hash"

// isNoise reports whether only the API server and controllers write the field.
func isNoise(path fieldpath.Path) bool {
	switch fieldAt(path, 0) {
	case "status":
		return true
	case "metadata":
		if fieldAt(path, 1) == "annotations" && fieldAt(path, 2) == manifestHash {
			return true
		}
		return slices.Contains([]string{
			"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink",
			"deletionTimestamp", "deletionGracePeriodSeconds",
		}, fieldAt(path, 1))
	}
	return false
}

// isOfControllers reports whether parts of Kubernetes, and kubectl, keep the field for
// themselves. Some distributions have other names for their managers.
func isOfControllers(path fieldpath.Path) bool {
	first, second, key := fieldAt(path, 0), fieldAt(path, 1), fieldAt(path, 2)
	if first == "spec" {
		return second == "volumeName"
	}
	return first == "metadata" && second == "annotations" && (key == lastApplied || slices.ContainsFunc(
		[]string{"pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/", "deployment.kubernetes.io/", "batch.kubernetes.io/"},
		func(domain string) bool { return strings.HasPrefix(key, domain) }))
}

// isOpen reports whether the object at path is a collection of entries that people
// think of one by one, such as the labels.
func isOpen(path fieldpath.Path) bool {
	switch last := fieldAt(path, len(path)-1); last {
	case "labels", "annotations", "matchLabels", "nodeSelector", "limits", "requests":
		return true
	case "data", "stringData", "binaryData", "metadata":
		return len(path) == 1
	}
	return false
}

// namesOf returns the sorted names of the fields of both.
func namesOf(a, b map[string]any) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}
