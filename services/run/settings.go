package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/plan"
)

// settingsAnnotation marks a pod template with hashes of the ConfigMaps that it uses.
const settingsAnnotation = "kubeorch.io/settings-hash"

const kindConfigMap = "ConfigMap"

// followSettings marks the pod template of o with the revisions of the Secrets and the
// contents of the ConfigMaps of this workflow that it uses. Programs read their
// environment, and most of them their files, when they start, so that a change needs
// new pods.
func (s *session) followSettings(o *unstructured.Unstructured) {
	path := []string{"spec", "template"}
	if o.GetKind() == "CronJob" {
		path = []string{"spec", "jobTemplate", "spec", "template"}
	}
	template, found, err := unstructured.NestedFieldNoCopy(o.Object, path...)
	if err != nil || !found {
		return
	}
	used := settingsOf(template)
	s.mu.Lock()
	defer s.mu.Unlock()
	for annotation, hashes := range map[string]map[string]string{applier.RevisionAnnotation: s.revisions, settingsAnnotation: s.contents} {
		var marks []string
		for _, name := range used[annotation] {
			if hash := hashes[o.GetNamespace()+"/"+name]; hash != "" {
				marks = append(marks, name+"="+hash)
			}
		}
		if len(marks) > 0 {
			// This cannot fail: the path leads to an object.
			_ = unstructured.SetNestedField(o.Object, strings.Join(marks, ","), append(slices.Clone(path), "metadata", "annotations", annotation)...)
		}
	}
}

// settingsOf returns the sorted names of the Secrets and ConfigMaps that v, a part of a
// pod template, uses, by the annotation that follows them.
func settingsOf(v any) map[string][]string {
	names := map[string][]string{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for key, e := range v {
				ref, _ := e.(map[string]any)
				annotation, field := reference(key)
				if name, _ := ref[field].(string); annotation != "" && name != "" {
					names[annotation] = append(names[annotation], name)
				}
				walk(e)
			}
		}
	}
	walk(v)
	for annotation := range names {
		slices.Sort(names[annotation])
		names[annotation] = slices.Compact(names[annotation])
	}
	return names
}

// reference tells, for the name of a field of a pod template, whether that refers to a
// Secret or ConfigMap, and which field of it is the name.
func reference(key string) (annotation, nameField string) {
	switch key {
	case "secretRef", "secretKeyRef":
		return applier.RevisionAnnotation, "name"
	case "secret": // a volume, or a part of a projected one
		return applier.RevisionAnnotation, "secretName"
	case "configMapRef", "configMapKeyRef", "configMap":
		return settingsAnnotation, "name"
	}
	return "", ""
}

// readContents takes the hashes of the ConfigMaps of steps.
func (s *session) readContents(steps []plan.Step) {
	s.contents = map[string]string{}
	for _, step := range steps {
		for _, o := range step.Objects {
			if o.GetKind() != kindConfigMap || o.GetAPIVersion() != "v1" {
				continue
			}
			text, err := json.Marshal([]any{o.Object["data"], o.Object["binaryData"]})
			if err != nil { // it came from JSON
				continue
			}
			sum := sha256.Sum256(text)
			s.contents[o.GetNamespace()+"/"+o.GetName()] = hex.EncodeToString(sum[:5])
		}
	}
}

// readRevisions takes the revisions of the Secrets of steps in the cluster. Those that
// this run changes are replaced.
func (s *session) readRevisions(steps []plan.Step) {
	for _, step := range steps {
		if step.Values == nil {
			continue
		}
		o := step.Values.Object
		if live := s.survey.Find(applier.RefOf(o)); live != nil {
			s.revisions[o.GetNamespace()+"/"+o.GetName()] = live.Annotations[applier.RevisionAnnotation]
		}
	}
}
