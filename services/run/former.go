package run

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
)

const (
	// formerTime bounds what a run does in one former cluster, which may hang.
	formerTime = 15 * time.Second
	// maxElsewhere is how many objects in former clusters a workflow may have and
	// still run. They are part of its document.
	maxElsewhere = 3000
)

// cleanFormer removes what a workflow has in clusters that it was in before, as far as
// they answer and its owner may still deploy there. It returns what is to stay in the
// inventory. What cannot be done is left for the next run, which does not fail for it.
func (e *Executor) cleanFormer(ctx context.Context, s *session, elsewhere []models.OwnedObject) (remaining []models.OwnedObject) {
	for len(elsewhere) > 0 {
		at := place{elsewhere[0].Cluster, elsewhere[0].ClusterRef}
		there, others := splitByPlace(elsewhere, at)
		elsewhere = others
		if !slices.ContainsFunc(there, func(o models.OwnedObject) bool { return o.Kept.IsZero() || s.removes(o) }) {
			remaining = append(remaining, there...)
			continue
		}
		left, err := e.cleanOne(ctx, s, at, there)
		if err != nil {
			s.logf("%d objects in the former cluster %s stay there for now: %s", len(there), at.name, models.MessageOf(clusterFailure(err)))
			left = there
		}
		remaining = append(remaining, left...)
	}
	return remaining
}

// removes reports whether a run removes an object that earlier runs kept: tearing down
// removes Secrets.
func (s *session) removes(o models.OwnedObject) bool {
	return s.run.Action == models.RunTearDown && o.Kind == kindSecret
}

// cleanOne removes the objects in one former cluster, but for those that are kept, and
// returns what remains. After an error nothing was removed.
func (e *Executor) cleanOne(ctx context.Context, s *session, at place, objects []models.OwnedObject) ([]models.OwnedObject, error) {
	ctx, cancel := context.WithTimeout(ctx, formerTime)
	defer cancel()
	t, err := e.formerTarget(ctx, cancel, s.run, at)
	if err != nil {
		return nil, err
	}
	owned, err := listAt(ctx, t, objects)
	if err != nil {
		return nil, err
	}
	refs, uids := s.notApplied(owned)
	kept, gone, _ := leaving(at, refs, nil, nil) // what is not listed is gone
	reason := models.KeptMoved
	if s.run.Action == models.RunTearDown {
		kept, gone = s.withoutSecrets(kept, gone)
		reason = models.KeptArchived
	}
	s.logf("cleaning the former cluster %s", at.name)
	remaining := keep(ctx, s, t, at, kept, objects, reason)
	left, err := remove(ctx, s, t, gone, applier.DeleteOptions{Adopted: s.run.DeleteAdopted, UIDs: uids})
	if err != nil {
		s.logf("in the former cluster %s: %s", at.name, models.MessageOf(err))
	}
	return append(remaining, objectsAt(at, left)...), nil
}

// notApplied returns the owned objects of another cluster, and their uids. It leaves out
// those that this run has applied: one cluster may be registered twice.
func (s *session) notApplied(owned ownedObjects) (refs []applier.Ref, uids map[string]types.UID) {
	uids = map[string]types.UID{}
	for i := range owned.objects {
		o := &owned.objects[i]
		uids[applier.Ref{GroupVersionKind: o.GroupVersionKind(), Namespace: o.Namespace, Name: o.Name}.String()] = o.UID
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range owned.refs {
		if now, ok := s.left[keyOf(r)]; !ok || now.UID != "" && now.UID != string(uids[r.String()]) {
			refs = append(refs, r)
		}
	}
	return refs, uids
}

// withoutSecrets moves Secrets from kept to gone: tearing down removes them.
func (s *session) withoutSecrets(kept, gone []applier.Ref) (claims, rest []applier.Ref) {
	secrets, claims := partition(kept, func(r applier.Ref) bool { return r.Kind == kindSecret })
	return claims, append(gone, secrets...)
}

// formerTarget returns a cluster that a workflow was in before, bounded by what its
// owner may do there. The cluster is found by its id: another one may have its name
// by now. When the access ends, cancel is called before the next batch of objects.
func (e *Executor) formerTarget(ctx context.Context, cancel context.CancelFunc, run models.Run, at place) (clusterTarget, error) {
	if at.id == "" {
		return nil, failure("which cluster that was is not on record")
	}
	g, err := e.deps.Access.RequireByID(ctx, run.OwnerID, at.id, models.ClusterDeploy)
	if models.KindOf(err) == models.NotFound && err != nil {
		return nil, failure(fmt.Sprintf("the cluster %s was removed, or is not open to you any more", at.name))
	}
	if err != nil {
		return nil, err
	}
	t, err := e.target(ctx, g, run.WorkflowID)
	if err != nil {
		return nil, err
	}
	return e.guard(t, func(ctx context.Context) {
		now, err := e.deps.Access.RequireByID(ctx, run.OwnerID, at.id, models.ClusterDeploy)
		if err != nil && models.LostAccess(err) || err == nil && !now.SameBounds(g) {
			cancel()
		}
	}), nil
}

// listAt lists the workflow's objects of the kinds of objects, in their namespaces
// where the cluster allows no more.
func listAt(ctx context.Context, t clusterTarget, objects []models.OwnedObject) (owned ownedObjects, err error) {
	gvks := make([]schema.GroupVersionKind, len(objects))
	namespaces := make([]string, len(objects))
	for i, r := range refsIn(objects) {
		gvks[i], namespaces[i] = r.GroupVersionKind, r.Namespace
	}
	slices.Sort(namespaces)
	namespaces = slices.DeleteFunc(slices.Compact(namespaces), func(ns string) bool { return ns == "" })
	owned.objects, err = t.ListOwned(ctx, distinct(gvks), applier.ListOptions{Namespaces: namespaces})
	owned.refs = refsOf(owned.objects)
	return owned, err
}

// objectsAt returns refs as the inventory has them.
func objectsAt(at place, refs []applier.Ref) []models.OwnedObject {
	out := make([]models.OwnedObject, len(refs))
	for i, r := range refs {
		apiVersion, kind := r.ToAPIVersionAndKind()
		out[i] = models.OwnedObject{
			Cluster: at.name, ClusterRef: at.id, APIVersion: apiVersion, Kind: kind, Namespace: r.Namespace, Name: r.Name,
		}
	}
	return out
}
