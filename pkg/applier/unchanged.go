package applier

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// ManifestAnnotation holds a hash of the manifest that an object was last applied with,
// without the values of Secrets. It is applied with the rest, so it tells what is in
// the cluster even if the applier was killed before it could say so.
const ManifestAnnotation = "kubeorch.io/manifest-hash"

// Remembered is what an earlier apply left an object as: the UID and Fields of its
// Change.
type Remembered struct {
	UID    types.UID
	Fields string
}

// manifestHash returns the value of ManifestAnnotation for o, which has none yet.
func manifestHash(o *unstructured.Unstructured) (string, error) {
	text, err := json.Marshal(o.Object) // sorts the keys
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}

// unchanged reports that applying a request would change nothing, and returns the
// metadata of its object. That is known without asking when the object was applied
// with the same manifest, and every field of it still belongs to us: whoever changes
// the value of a field becomes its manager. Only its status tells whether a Job has to
// run again.
func (a *Applier) unchanged(t *target, req Request) (old *metav1.PartialObjectMetadata, same bool) {
	if req.Rerun && t.ref.Kind == "Job" {
		return nil, false
	}
	return a.asRemembered(t, req.Survey, req.Remembered)
}

func (a *Applier) asRemembered(t *target, s *Survey, r Remembered) (old *metav1.PartialObjectMetadata, same bool) {
	old, _ = s.find(t.ref)
	same = old != nil && r.Fields != "" && old.UID == r.UID && old.DeletionTimestamp == nil && a.owns(old.Labels) &&
		old.Annotations[ManifestAnnotation] == t.object.GetAnnotations()[ManifestAnnotation] &&
		FieldsHash(a.opts.Manager, old) == r.Fields
	return old, same
}

// unchangedValues is unchanged for a Secret of typed values. Which keys it holds is in
// its managed fields.
func (a *Applier) unchangedValues(
	t *target, req ValuesRequest,
) (old *metav1.PartialObjectMetadata, state ValuesState, same bool) {
	if anyTyped(req) {
		return nil, state, false
	}
	if old, same = a.asRemembered(t, req.Survey, req.Remembered); !same {
		return nil, state, false
	}
	data := make(map[string][]byte)
	for _, e := range old.ManagedFields {
		if e.Manager == a.managerOf(old) && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" {
			for field := range dataFields(e) {
				if key, isField := strings.CutPrefix(field, "f:"); isField {
					data[key] = nil
				}
			}
		}
	}
	for key := range data {
		if !slices.Contains(req.Keys, key) {
			return nil, state, false // it is to be removed
		}
	}
	state = stateOf(req.Keys, data)
	state.Exists, state.Revision = true, old.Annotations[RevisionAnnotation]
	return old, state, true
}

// dataFields returns the fields below data in an entry, which the API server wrote.
func dataFields(e metav1.ManagedFieldsEntry) map[string]any {
	var fields struct {
		Data map[string]any `json:"f:data"`
	}
	if e.FieldsV1 != nil {
		_ = json.Unmarshal([]byte(e.FieldsV1.String()), &fields)
	}
	return fields.Data
}
