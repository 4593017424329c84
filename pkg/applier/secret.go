package applier

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// RevisionAnnotation holds a random text that changes with every change of a
// value of the Secret. A copy of it in a pod template restarts the pods then.
const RevisionAnnotation = "kubeorch.io/values-revision"

// ValuesRequest asks for a Secret whose values people type in and only the
// cluster stores.
type ValuesRequest struct {
	Object *unstructured.Unstructured // the Secret without data
	Keys   []string                   // it may hold; other keys that we have written are removed
	Values map[string]string          // as typed; an absent or empty one keeps the present value
	Adopt  bool                       // as in Request

	Replace bool // as in Request; the values are kept
	// Former are labels which, with those of the owner, select earlier Secrets
	// of the same purpose. When Object does not exist, it takes over the values
	// of the newest of them, which stays as it is. Without labels there is none.
	Former map[string]string

	Survey     *Survey // as in Request
	Remembered Remembered
}

// String hides the values.
func (ValuesRequest) String() string { return "[values]" }

// GoString hides the values.
func (ValuesRequest) GoString() string { return "[values]" }

// ValuesState tells which values the Secret holds, without the values. Of another
// owner's Secret it tells nothing: all keys are then taken to be present.
type ValuesState struct {
	Exists   bool
	Present  []string // keys with a value, in the order of the request
	Missing  []string // keys without a value
	Revision string   // of RevisionAnnotation
}

// ApplyValues merges typed values into a Secret, key by key, and creates the
// Secret when it has a value to store: one that was typed, or one of a former
// Secret. When nothing is typed, the Change is Skipped if there is no Secret,
// and Unchanged if another owner's Secret is there, which is left alone. No
// value is ever part of a Change, an error or the state.
func (a *Applier) ApplyValues(ctx context.Context, req ValuesRequest) (Change, ValuesState) {
	ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
	defer cancel()
	t, err := a.target(ctx, req.Object)
	if err != nil {
		return failed(RefOf(req.Object), err), ValuesState{}
	}
	return a.applyValuesTarget(ctx, t, req)
}

func (a *Applier) applyValuesTarget(ctx context.Context, t *target, req ValuesRequest) (Change, ValuesState) {
	if old, state, same := a.unchangedValues(t, req); same {
		return a.changeFrom(t.ref, old, old), state
	}
	t.survey = req.Survey
	var c Change
	var state ValuesState
	err := retry(ctx, func() (err error) {
		c, state, err = a.mergeValues(ctx, t, req)
		t.survey = nil
		return a.conn.Err(err)
	})
	if err != nil {
		return failed(t.ref, withoutValues(err, req.Values)), ValuesState{}
	}
	return c, state
}

func (a *Applier) mergeValues(ctx context.Context, t *target, req ValuesRequest) (Change, ValuesState, error) {
	meta, err := a.live(ctx, t)
	if err != nil {
		return Change{}, ValuesState{}, err
	}
	typed := anyTyped(req)
	if meta != nil && !req.Adopt && !typed && !a.owns(meta.Labels) {
		c := Change{Ref: t.ref, Action: Unchanged, UID: meta.UID, ResourceVersion: meta.ResourceVersion}
		c.Message = "belongs to " + a.ownerOf(meta) + " and is left alone"
		return c, ValuesState{Exists: true, Present: req.Keys}, nil
	}
	old, err := a.present(ctx, t, meta, req)
	if err != nil {
		return Change{}, ValuesState{}, err
	}
	if meta == nil && !typed && len(stateOf(req.Keys, old.Data).Present) == 0 {
		return Change{Ref: t.ref, Action: Skipped, Message: t.ref.String() + " waits for its values"}, stateOf(req.Keys, nil), nil
	}
	return a.writeValues(ctx, t, req, meta, old)
}

// present returns the Secret with the present values: the live one, whose metadata
// is meta, once its owner has been checked, else a former one.
func (a *Applier) present(
	ctx context.Context, t *target, meta *metav1.PartialObjectMetadata, req ValuesRequest,
) (*corev1.Secret, error) {
	if meta == nil {
		return a.former(ctx, t, req.Former)
	}
	if err := a.checkOwner(t.ref, meta, req.Adopt); err != nil {
		return nil, err
	}
	live, err := a.conn.Typed().CoreV1().Secrets(t.ref.Namespace).Get(ctx, t.ref.Name, metav1.GetOptions{})
	if err == nil && live.ResourceVersion != meta.ResourceVersion {
		return nil, &kubernetes.Error{Reason: kubernetes.Conflict, Message: t.ref.String() + " was changed at the same moment"}
	}
	return live, err
}

func (a *Applier) writeValues(ctx context.Context, t *target, req ValuesRequest, meta *metav1.PartialObjectMetadata, old *corev1.Secret) (Change, ValuesState, error) {
	data, changed := merge(req, old.Data)
	state := stateOf(req.Keys, data)
	state.Exists, state.Revision = true, old.Annotations[RevisionAnnotation]
	if changed || state.Revision == "" {
		state.Revision = a.newRevision()
	}
	object := *t
	object.object = withData(t.object, data, state.Revision)
	if meta == nil {
		c, err := a.create(ctx, &object)
		if err == nil && len(stateOf(req.Keys, old.Data).Present) > 0 {
			c.Message = "with the values of the former Secret " + old.Name
		}
		return c, state, err
	}
	// The values were merged with this version; a later one is a conflict.
	object.object.SetResourceVersion(old.ResourceVersion)
	now, err := a.update(ctx, &object, meta, req.Adopt)
	if err != nil {
		if immutable(err) && req.Replace {
			object.object.SetResourceVersion("")
			c, err := a.replace(ctx, &object, meta, nil)
			return c, state, err
		}
		if immutable(err) {
			err = ruleFor(t.ref).explain(t.ref, err)
		}
		return Change{}, state, err
	}
	return a.changeFrom(t.ref, meta, now), state, nil
}

// newRevision returns a random text, for a dry run one that says so.
func (a *Applier) newRevision() string {
	if a.opts.DryRun {
		return "new"
	}
	return strings.ToLower(rand.Text()[:12])
}

func anyTyped(req ValuesRequest) bool {
	return slices.ContainsFunc(req.Keys, func(k string) bool { return req.Values[k] != "" })
}

// merge returns the values to write, and whether any differs from the old ones.
func merge(req ValuesRequest, old map[string][]byte) (data map[string][]byte, changed bool) {
	data = make(map[string][]byte, len(req.Keys))
	for _, k := range req.Keys {
		before, had := old[k]
		if v := req.Values[k]; v != "" {
			data[k] = []byte(v)
			changed = changed || !had || !bytes.Equal(before, data[k])
		} else if had {
			data[k] = before
		}
	}
	return data, changed
}

func stateOf(keys []string, data map[string][]byte) (s ValuesState) {
	for _, k := range keys {
		if _, ok := data[k]; ok {
			s.Present = append(s.Present, k)
		} else {
			s.Missing = append(s.Missing, k)
		}
	}
	return s
}

func withData(o *unstructured.Unstructured, data map[string][]byte, revision string) *unstructured.Unstructured {
	o = o.DeepCopy()
	encoded := make(map[string]any, len(data))
	for k, v := range data {
		encoded[k] = base64.StdEncoding.EncodeToString(v)
	}
	o.Object["data"] = encoded
	return withAnnotation(o, RevisionAnnotation, revision)
}

// withoutValues drops the cause of err, and hides values that the server
// repeats in its message.
func withoutValues(err error, values map[string]string) error {
	e := *kubernetes.Translate(err)
	e.Err = nil
	if errors.Is(err, ErrForeign) {
		e.Err = ErrForeign
	}
	for _, v := range values {
		if len(v) < 4 { // hiding shorter ones would garble the text
			continue
		}
		e.Message = strings.ReplaceAll(e.Message, v, "[secret]")
		e.Message = strings.ReplaceAll(e.Message, base64.StdEncoding.EncodeToString([]byte(v)), "[secret]")
	}
	return &e
}
