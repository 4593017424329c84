package applier

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// target is one object with the clients for its resource and namespace.
type target struct {
	object *unstructured.Unstructured // a copy, which may be modified
	ref    Ref
	client metadata.ResourceInterface // answers are metadata only, in protobuf
	full   dynamic.ResourceInterface  // for kinds whose content decides what is done
	survey *Survey                    // nil when there is none
	listed *listing                   // nil when the object has not been prefetched

	preview *preview // nil unless an apply is only previewed
}

// target resolves the object's version and scope and adds the owner's labels, and a
// hash of the whole.
func (a *Applier) target(ctx context.Context, o *unstructured.Unstructured) (*target, error) {
	t, err := a.locate(ctx, RefOf(o))
	if err != nil {
		return nil, err
	}
	t.object = o.DeepCopy()
	t.object.SetGroupVersionKind(t.ref.GroupVersionKind)
	t.object.SetNamespace(t.ref.Namespace)
	labels := t.object.GetLabels()
	if labels == nil {
		labels = make(map[string]string, len(a.opts.Owner))
	}
	for k, v := range a.opts.Owner {
		labels[k] = v
	}
	t.object.SetLabels(labels)
	hash, err := manifestHash(t.object)
	if err != nil {
		return nil, err
	}
	t.object = withAnnotation(t.object, ManifestAnnotation, hash)
	return t, nil
}

// locate resolves ref and checks that Options.Namespaces allows it.
func (a *Applier) locate(ctx context.Context, ref Ref) (*target, error) {
	t, err := a.resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	return t, a.checkNamespace(t.ref)
}

// resolve finds the resource of ref. It drops the namespace of a cluster-scoped
// kind; a missing one becomes "default".
func (a *Applier) resolve(ctx context.Context, ref Ref) (*target, error) {
	m, err := a.conn.Mapping(ctx, ref.GroupVersionKind)
	if err != nil {
		return nil, err
	}
	ref.GroupVersionKind = m.GroupVersionKind
	t := &target{client: a.conn.Metadata().Resource(m.Resource), full: a.conn.Dynamic().Resource(m.Resource)}
	if m.Scope.Name() == meta.RESTScopeNameRoot {
		ref.Namespace = ""
	} else {
		if ref.Namespace == "" {
			ref.Namespace = metav1.NamespaceDefault
		}
		t.client = a.conn.Metadata().Resource(m.Resource).Namespace(ref.Namespace)
		t.full = a.conn.Dynamic().Resource(m.Resource).Namespace(ref.Namespace)
	}
	t.ref = ref
	return t, nil
}

// get returns the object's metadata, or nil when it does not exist.
func (t *target) get(ctx context.Context) (*metav1.PartialObjectMetadata, error) {
	o, err := t.client.Get(ctx, t.ref.Name, metav1.GetOptions{})
	if kubernetes.ReasonOf(err) == kubernetes.NotFound {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	return o, err
}

// waitDeleted waits until the object old has been deleted.
func (t *target) waitDeleted(ctx context.Context, old *metav1.PartialObjectMetadata) error {
	finalizers := old.Finalizers
	polling := wait.Backoff{Duration: 20 * time.Millisecond, Factor: 2, Steps: 10, Cap: time.Second}
	err := polling.DelayFunc().Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		o, err := t.get(ctx)
		if o != nil {
			finalizers = o.Finalizers
		}
		if kubernetes.ReasonOf(err).Retryable() {
			return false, nil
		}
		return o == nil || o.UID != old.UID, err
	})
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case len(finalizers) > 0:
		return conflictf(t.ref, "is being deleted and held back by the finalizer %s", finalizers[0])
	}
	return conflictf(t.ref, "is being deleted and did not go away in time")
}
