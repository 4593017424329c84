package inventory

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/status"
)

// omitted is the key in a spec that counts what was left out of a very large object.
const omitted = "omitted"

const deleting = "is being deleted from the cluster"

// reading is one object while its state is put together.
type reading struct {
	object
	whole   *unstructured.Unstructured
	left    budget         // of the spec
	spec    map[string]any // the values of encoding/json: numbers are float64, times RFC 3339 text
	status  string
	message string
}

// Extract returns what is kept of an object, an *unstructured.Unstructured or any
// object with metadata where Kind says that this is enough. It retains nothing of the
// object but texts. The result is bounded, whatever the object holds.
func (k Kind) Extract(o metav1.Object) models.ResourceState {
	r := &reading{spec: map[string]any{}, left: specBytes, status: models.ResourceRunning}
	u, ok := o.(*unstructured.Unstructured)
	switch {
	case k.read == nil:
	case ok:
		r.object, r.whole = u.Object, u
		k.read(r)
	default:
		r.status = models.ResourceUnknown
	}
	if o.GetDeletionTimestamp() != nil && r.status != models.ResourceDeleted {
		r.message = deleting
	}
	s := models.ResourceState{
		UID:             clean(string(o.GetUID()), maxLabelValue),
		ResourceVersion: clean(o.GetResourceVersion(), maxLabelValue),
		Status:          r.status,
		Message:         bounded(r.message),
		Owners:          r.owners(o.GetOwnerReferences()),
		CreatedAt:       storable(o.GetCreationTimestamp().Time),
	}
	s.Labels = r.labels(o.GetLabels())
	s.Annotations = r.annotations(o.GetAnnotations(), k.Kind == "Secret" && k.Group == "")
	s.Parent = parent(s)
	if len(r.spec) > 0 {
		s.Spec = r.spec
	}
	return s
}

// reported returns what a cluster wrote into an object as it may be shown.
func reported(text string) string {
	const enough = 4 << 10 // cleaning takes long for a long text
	return status.Clean(clean(text, enough))
}

// bounded returns a message that is short enough.
func bounded(message string) string {
	for limit := messageBytes; cost(message) > messageBytes; limit /= 2 {
		message = clean(message, limit)
	}
	return message
}

// omit notes that n of something were left out.
func (r *reading) omit(what string, n int) {
	if n <= 0 {
		return
	}
	counts, ok := r.spec[omitted].(map[string]any)
	if !ok {
		counts = map[string]any{}
		r.spec[omitted] = counts
	}
	counts[what] = float64(n)
}

// set keeps a value if there is room for it.
func (r *reading) set(key string, v any) {
	if s, ok := v.(string); ok {
		if s == "" {
			return
		}
		v = clean(s, maxText)
	}
	if r.left.spend(cost(key) + cost(v)) {
		r.spec[key] = v
		return
	}
	r.omit(key, 1)
}

// setList keeps the items for which there is room, all texts or all objects. The list
// is there even when it is empty. all is how many there are in the object.
func (r *reading) setList(key string, items []any, all int) {
	kept := make([]any, 0, len(items))
	for _, item := range items {
		if s, ok := item.(string); ok {
			item = clean(s, maxText)
		}
		if len(kept) == maxItems || !r.left.spend(cost(item)) {
			break
		}
		kept = append(kept, item)
	}
	r.spec[key] = kept
	r.omit(key, all-len(kept))
}

// texts returns the texts of a list.
func texts(list []any) []any {
	out := make([]any, 0, min(len(list), maxItems))
	for _, e := range list {
		if s, ok := e.(string); ok && len(out) < maxItems {
			out = append(out, s)
		}
	}
	return out
}

// owners returns the owner references for which there is room.
func (r *reading) owners(refs []metav1.OwnerReference) []models.OwnerReference {
	left := budget(ownerBytes)
	var out []models.OwnerReference
	for _, ref := range refs {
		o := models.OwnerReference{
			APIVersion: clean(ref.APIVersion, maxText),
			Kind:       clean(ref.Kind, maxLabelValue),
			Name:       clean(ref.Name, maxText),
			UID:        clean(string(ref.UID), maxLabelValue),
			Controller: ref.Controller != nil && *ref.Controller,
		}
		const keys = 70
		if !left.spend(keys + cost(o.APIVersion) + cost(o.Kind) + cost(o.Name) + cost(o.UID)) {
			break
		}
		out = append(out, o)
	}
	r.omit("ownerReferences", len(refs)-len(out))
	return out
}

// parent names the object that made one with this state. Deployments make their pods
// by way of ReplicaSets, which are named after them and the hash of their template.
func parent(s models.ResourceState) string {
	for _, o := range s.Owners {
		if !o.Controller {
			continue
		}
		hash := s.Labels["pod-template-hash"]
		if name, ok := strings.CutSuffix(o.Name, "-"+hash); ok && hash != "" && o.Kind == "ReplicaSet" {
			return "Deployment/" + name
		}
		return o.Kind + "/" + o.Name
	}
	return ""
}
