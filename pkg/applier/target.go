package applier

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// target is one object with the clients for its place in the cluster.
type target struct {
	object *unstructured.Unstructured // ours to change
	ref    Ref
	client metadata.ResourceInterface // answers are metadata only, in protobuf
	full   dynamic.ResourceInterface  // for the few kinds whose content decides
	seen   *look                      // nil when the object was not part of a survey
}

// target resolves the object's version and scope and stamps the owner on it.
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
	return t, nil
}

// locate finds the place of ref, which must be one that may be touched.
func (a *Applier) locate(ctx context.Context, ref Ref) (*target, error) {
	t, err := a.resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	return t, a.within(t.ref)
}

// resolve finds the place of ref. Namespaces of cluster-scoped kinds are
// dropped, and those that are missing become "default".
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

// get returns the object's metadata, or nil when it is not there.
func (t *target) get(ctx context.Context) (*metav1.PartialObjectMetadata, error) {
	o, err := t.client.Get(ctx, t.ref.Name, metav1.GetOptions{})
	if kubernetes.ReasonOf(err) == kubernetes.NotFound {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	return o, err
}

// remove deletes exactly the object that was seen; absence is fine.
func (t *target) remove(ctx context.Context, seen *metav1.PartialObjectMetadata, how metav1.DeletionPropagation) error {
	err := t.client.Delete(ctx, t.ref.Name, metav1.DeleteOptions{
		PropagationPolicy: &how, Preconditions: &metav1.Preconditions{UID: &seen.UID},
	})
	if kubernetes.ReasonOf(err) == kubernetes.NotFound {
		return nil
	}
	return err
}

// gone waits until the object of this uid is no more.
func (t *target) gone(ctx context.Context, uid types.UID) error {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		o, err := t.get(ctx)
		if err == nil && (o == nil || o.UID != uid) {
			return nil
		}
		if err != nil && !kubernetes.ReasonOf(err).Retryable() {
			return err
		}
		if !sleep(ctx, pause) {
			if o != nil && len(o.Finalizers) > 0 {
				return conflictf(t.ref, "is being deleted and held back by the finalizer %s", o.Finalizers[0])
			}
			return conflictf(t.ref, "is being deleted and did not go away in time")
		}
	}
}

// sleep returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
