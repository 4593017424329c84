package run

import (
	"cmp"
	"slices"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
)

// place is a cluster that a workflow has objects in.
type place struct {
	name string // as the workflow gives it
	id   string // "" where no run has found out
}

// place returns the cluster that a run works in.
func (s *session) place() place { return place{s.run.Cluster, s.clusterID()} }

// clusterID returns the id of the cluster that a run works in. Where the cluster that
// the run was begun for is gone, that is the one that has its name now.
func (s *session) clusterID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.grant != nil {
		return s.grant.Cluster.ID
	}
	return s.run.ClusterRef
}

// leaving returns the objects of a workflow that are not among planned, once each.
// Those at the given place are kept, because their content cannot be restored, or
// gone, which is to be deleted. Those in clusters that the workflow was in before are
// elsewhere, as the inventory has them. owned are the objects with the workflow's
// label at that place; an incomplete list is good enough, as it only adds to the
// inventory.
func leaving(
	at place, owned []applier.Ref, inventory []models.OwnedObject, planned []applier.Ref,
) (kept, gone []applier.Ref, elsewhere []models.OwnedObject) {
	here, elsewhere := splitByPlace(inventory, at)
	kept, gone = partition(missingIn(planned, append(owned, refsIn(here)...)), holdsData)
	return kept, gone, elsewhere
}

// holdsData reports whether the content of an object cannot be restored.
func holdsData(r applier.Ref) bool {
	return r.Group == "" && (r.Kind == kindClaim || r.Kind == kindSecret)
}

// splitByPlace returns the objects at a place, and those at others.
func splitByPlace(inventory []models.OwnedObject, at place) (here, elsewhere []models.OwnedObject) {
	for _, o := range inventory {
		if o.IsIn(at.name, at.id) {
			here = append(here, o)
		} else {
			elsewhere = append(elsewhere, o)
		}
	}
	return here, elsewhere
}

// notSeen returns the objects elsewhere that are none of those at hand: a cluster may
// be registered twice, or again after it was removed.
func notSeen(elsewhere []models.OwnedObject, owned ownedObjects) []models.OwnedObject {
	seen := map[string]bool{}
	for i := range owned.objects {
		seen[string(owned.objects[i].UID)] = true
	}
	return slices.DeleteFunc(elsewhere, func(o models.OwnedObject) bool { return seen[cmp.Or(o.Kept.UID, o.Applied.UID)] })
}

// missingIn returns the distinct refs that are not in wanted.
func missingIn(wanted, refs []applier.Ref) []applier.Ref {
	seen := make(map[objectKey]bool, len(refs)+len(wanted))
	for _, ref := range wanted {
		seen[keyOf(ref)] = true
	}
	var left []applier.Ref
	for _, ref := range refs {
		if p := keyOf(ref); !seen[p] {
			seen[p] = true
			left = append(left, ref)
		}
	}
	return left
}

func partition(refs []applier.Ref, first func(applier.Ref) bool) (a, b []applier.Ref) {
	for _, r := range refs {
		if first(r) {
			a = append(a, r)
		} else {
			b = append(b, r)
		}
	}
	return a, b
}

// clustersOf names the clusters of objects.
func clustersOf(objects []models.OwnedObject) (names []string) {
	seen := map[string]bool{}
	for _, o := range objects {
		if !seen[o.Cluster] {
			seen[o.Cluster] = true
			names = append(names, o.Cluster)
		}
	}
	return names
}
