package applier

import (
	"context"
	"encoding/json"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// This file holds every request that changes a cluster; a test keeps such
// requests out of the other files. Each function checks the owner of the object
// that it changes, or fails when the object exists.

// create applies an object that was not in the cluster a moment ago.
//
// Server-side apply has no create-only mode. Each owner has a field manager and
// a label value of its own, so without force an object that another owner has
// created in the meantime is a conflict, and the next attempt checks its owner.
// An object of a client without such labels may have the same content, which is
// no conflict; its field managers tell who created it.
func (a *Applier) create(ctx context.Context, t *target) (Change, error) {
	now, err := a.apply(ctx, t, t.object, a.manager(), false)
	if err != nil {
		return Change{}, err
	}
	if other := a.otherManager(now); other != "" {
		return Change{}, conflictf(t.ref, "was created by %s at the same moment; the next run will say whose it is", other)
	}
	return a.changeFrom(t.ref, nil, now), nil
}

// createNamespace creates a namespace, which belongs to nobody.
func (a *Applier) createNamespace(ctx context.Context, ref Ref, labels map[string]string) (*corev1.Namespace, error) {
	o := metav1.CreateOptions{FieldManager: a.opts.Manager, DryRun: a.dryRun()}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ref.Name, Labels: labels}}
	return a.conn.Typed().CoreV1().Namespaces().Create(ctx, ns, o)
}

// update applies t.object over the live object old. It takes fields over from
// other field managers only after a look at the owner of the version that it
// changes. A resourceVersion in t.object is kept.
func (a *Applier) update(
	ctx context.Context, t *target, old *metav1.PartialObjectMetadata, adopt bool,
) (*metav1.PartialObjectMetadata, error) {
	if err := a.checkOwner(t.ref, old, adopt); err != nil {
		return nil, err
	}
	if !a.owns(old.Labels) {
		return a.adopt(ctx, t, old)
	}
	marked := *t
	if isAdopted(old) {
		marked.object = withAnnotation(t.object, AdoptedAnnotation, "true")
	}
	return a.updateAs(ctx, &marked, old, a.managerOf(old))
}

// updateAs is update of an object of ours under a field manager of the caller's
// choice.
func (a *Applier) updateAs(
	ctx context.Context, t *target, old *metav1.PartialObjectMetadata, manager string,
) (*metav1.PartialObjectMetadata, error) {
	if err := a.checkOwner(t.ref, old, false); err != nil {
		return nil, err
	}
	now, err := a.apply(ctx, t, t.object, manager, false)
	if kubernetes.ReasonOf(err) != kubernetes.Conflict {
		return now, err
	}
	fresh, gerr := t.get(ctx)
	if gerr != nil || fresh == nil || fresh.UID != old.UID ||
		t.object.GetResourceVersion() != "" && t.object.GetResourceVersion() != fresh.ResourceVersion {
		return nil, err
	}
	if err := a.checkOwner(t.ref, fresh, false); err != nil {
		return nil, err
	}
	return a.apply(ctx, t, atVersion(t.object, fresh.ResourceVersion), manager, true)
}

// claim makes manager an owner of the fields in part, which have the values of the
// live object and bear its version.
func (a *Applier) claim(
	ctx context.Context, t *target, live *unstructured.Unstructured, adopt bool, part *unstructured.Unstructured, manager string,
) error {
	o := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Labels: live.GetLabels(), Annotations: live.GetAnnotations(),
		OwnerReferences: live.GetOwnerReferences(), ManagedFields: live.GetManagedFields(),
	}}
	if err := a.checkOwner(t.ref, o, adopt); err != nil {
		return err
	}
	_, err := a.apply(ctx, t, part, manager, true)
	return err
}

// adopt makes the live object of somebody else ours and marks it as adopted.
// Fields that another of our owners applied, and we do not, are removed.
func (a *Applier) adopt(
	ctx context.Context, t *target, old *metav1.PartialObjectMetadata,
) (*metav1.PartialObjectMetadata, error) {
	object := atVersion(withAnnotation(t.object, AdoptedAnnotation, "true"), old.ResourceVersion)
	now, err := a.apply(ctx, t, object, a.manager(), true)
	if err != nil || a.opts.DryRun {
		return now, err
	}
	for _, former := range a.appliedBy(now) {
		if former == a.manager() {
			continue
		}
		nothing := &unstructured.Unstructured{}
		nothing.SetGroupVersionKind(t.ref.GroupVersionKind)
		nothing.SetNamespace(t.ref.Namespace)
		nothing.SetName(t.ref.Name)
		nothing.SetUID(now.UID)
		if now, err = a.apply(ctx, t, nothing, former, false); err != nil {
			return nil, err
		}
	}
	return now, nil
}

// apply sends a server-side apply request.
func (a *Applier) apply(
	ctx context.Context, t *target, object *unstructured.Unstructured, manager string, force bool,
) (*metav1.PartialObjectMetadata, error) {
	body, err := Body(object)
	if err != nil {
		return nil, err
	}
	opts := metav1.PatchOptions{FieldManager: manager, Force: &force, FieldValidation: metav1.FieldValidationStrict, DryRun: a.dryRun()}
	if t.preview == nil {
		return t.client.Patch(ctx, t.ref.Name, types.ApplyPatchType, body, opts)
	}
	would, err := t.full.Patch(ctx, t.ref.Name, types.ApplyPatchType, body, opts)
	if err != nil {
		return nil, err
	}
	t.preview.would = would
	return metadataOf(would)
}

// delete deletes the live object old if it is still that version and ours. An
// adopted object is refused unless adopted is true.
func (a *Applier) delete(
	ctx context.Context, t *target, old *metav1.PartialObjectMetadata, how metav1.DeletionPropagation, adopted bool,
) error {
	if err := a.checkOwner(t.ref, old, false); err != nil {
		return err
	}
	if err := checkDeletable(t.ref, old, adopted); err != nil {
		return err
	}
	err := t.client.Delete(ctx, t.ref.Name, metav1.DeleteOptions{
		PropagationPolicy: &how,
		DryRun:            a.dryRun(),
		Preconditions:     &metav1.Preconditions{UID: &old.UID, ResourceVersion: &old.ResourceVersion},
	})
	if kubernetes.ReasonOf(err) == kubernetes.NotFound {
		return nil
	}
	return err
}

// deletePod deletes a pod if it is still the same one and belongs to a workload of
// ours. A pod that is gone already is no failure.
func (a *Applier) deletePod(ctx context.Context, p *corev1.Pod) error {
	if !a.owns(p.Labels) {
		return nil
	}
	err := a.conn.Typed().CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &p.UID},
	})
	if kubernetes.ReasonOf(err) == kubernetes.NotFound {
		return nil
	}
	return err
}

func checkDeletable(ref Ref, old *metav1.PartialObjectMetadata, adopted bool) error {
	if isAdopted(old) && !adopted {
		return conflictf(ref, "was not created here and is not deleted to be replaced; use another name")
	}
	return nil
}

// release gives the live object old up: it removes the labels, annotations and
// field ownership that only we have, and leaves everything else as it is.
func (a *Applier) release(ctx context.Context, t *target, old *metav1.PartialObjectMetadata) error {
	if err := a.checkOwner(t.ref, old, false); err != nil {
		return err
	}
	labels, annotations := a.onlyOurs(old)
	for key := range a.opts.Owner {
		labels[key] = nil
	}
	annotations[AdoptedAnnotation] = nil
	remaining := slices.DeleteFunc(slices.Clone(old.ManagedFields), a.isOurs)
	if len(remaining) == 0 {
		remaining = []metav1.ManagedFieldsEntry{{}} // the API's form of "no managers"; an empty list changes nothing
	}
	return a.patchMetadata(ctx, t, map[string]any{
		"resourceVersion": old.ResourceVersion, "labels": labels, "annotations": annotations, "managedFields": remaining,
	})
}

// setManagers says who owns which fields of the live object old, and changes
// nothing else of it.
func (a *Applier) setManagers(
	ctx context.Context, t *target, old *metav1.PartialObjectMetadata, entries []metav1.ManagedFieldsEntry,
) error {
	if err := a.checkOwner(t.ref, old, false); err != nil {
		return err
	}
	return a.patchMetadata(ctx, t, map[string]any{"resourceVersion": old.ResourceVersion, "managedFields": entries})
}

// patchMetadata merges values into the metadata of t's object. Its callers have
// checked the owner of the version in them.
func (a *Applier) patchMetadata(ctx context.Context, t *target, values map[string]any) error {
	body, err := json.Marshal(map[string]any{"metadata": values})
	if err != nil {
		return err
	}
	_, err = t.client.Patch(ctx, t.ref.Name, types.MergePatchType, body, metav1.PatchOptions{FieldManager: a.manager(), DryRun: a.dryRun()})
	return err
}

// dryRun is an option of every request in this file.
func (a *Applier) dryRun() []string {
	if a.opts.DryRun {
		return []string{metav1.DryRunAll}
	}
	return nil
}
