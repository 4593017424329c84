package run

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
)

const (
	kindClaim  = "PersistentVolumeClaim"
	kindSecret = "Secret"
)

// objectKey identifies an object, whatever version of its kind is used.
type objectKey struct{ group, kind, namespace, name string }

func keyOf(r applier.Ref) objectKey { return objectKey{r.Group, r.Kind, r.Namespace, r.Name} }

// builtinKinds returns the kinds of objects that nodes make, dependants first.
func builtinKinds() []schema.GroupVersionKind {
	gvk := func(group, version, kind string) schema.GroupVersionKind {
		return schema.GroupVersionKind{Group: group, Version: version, Kind: kind}
	}
	return []schema.GroupVersionKind{
		gvk("networking.k8s.io", "v1", "NetworkPolicy"),
		gvk("autoscaling", "v2", "HorizontalPodAutoscaler"),
		gvk("networking.k8s.io", "v1", "Ingress"),
		gvk("", "v1", "Service"),
		gvk("batch", "v1", "CronJob"),
		gvk("batch", "v1", "Job"),
		gvk("apps", "v1", "DaemonSet"),
		gvk("apps", "v1", "Deployment"),
		gvk("apps", "v1", "StatefulSet"),
		gvk("", "v1", "ConfigMap"),
		gvk("", "v1", kindSecret),
		gvk("", "v1", kindClaim),
	}
}

// deletionGroups groups refs so that dependants are deleted first. Custom
// resources come before all built-in kinds.
func deletionGroups(refs []applier.Ref) [][]applier.Ref {
	order := builtinKinds()
	rank := func(r applier.Ref) int {
		return slices.IndexFunc(order, func(k schema.GroupVersionKind) bool { return k.Group == r.Group && k.Kind == r.Kind })
	}
	sorted := slices.SortedStableFunc(slices.Values(refs), func(a, b applier.Ref) int { return cmp.Compare(rank(a), rank(b)) })
	var groups [][]applier.Ref
	for i, r := range sorted {
		if i == 0 || rank(r) != rank(sorted[i-1]) {
			groups = append(groups, nil)
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], r)
	}
	return groups
}

// planned returns the objects that a run may make.
func planned(s *session) []models.OwnedObject {
	if s.plan == nil {
		return nil
	}
	var out []models.OwnedObject
	for _, step := range s.plan.Steps {
		for _, o := range step.AllObjects() {
			out = append(out, models.OwnedObject{
				Cluster: s.run.Cluster, ClusterRef: s.clusterID(), APIVersion: o.GetAPIVersion(), Kind: o.GetKind(),
				Namespace: o.GetNamespace(), Name: o.GetName(),
			})
		}
	}
	slices.SortFunc(out, compareObjects)
	return out
}

// union returns the distinct objects of both, sorted. What a says of an object counts.
func union(a, b []models.OwnedObject) []models.OwnedObject {
	all := append(slices.Clone(a), b...)
	slices.SortStableFunc(all, compareObjects)
	return slices.CompactFunc(all, func(x, y models.OwnedObject) bool { return compareObjects(x, y) == 0 })
}

// withDrawn returns the inventory during a run: objects are not kept for nothing any
// more once the drawing holds them again.
func withDrawn(inventory, drawn []models.OwnedObject) []models.OwnedObject {
	all := union(inventory, drawn)
	for i, o := range all {
		if _, found := slices.BinarySearchFunc(drawn, o, compareObjects); found {
			all[i].Kept = models.Kept{}
		}
	}
	return all
}

func compareObjects(a, b models.OwnedObject) int {
	return cmp.Or(cmp.Compare(cmp.Or(a.ClusterRef, a.Cluster), cmp.Or(b.ClusterRef, b.Cluster)), cmp.Compare(a.APIVersion, b.APIVersion), cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

func sameObjects(a, b []models.OwnedObject) bool {
	return slices.Equal(union(a, nil), union(b, nil))
}

func inventoryOf(s *session, refs []applier.Ref) []models.OwnedObject {
	out := make([]models.OwnedObject, 0, len(refs))
	for _, r := range refs {
		apiVersion, kind := r.ToAPIVersionAndKind()
		out = append(out, models.OwnedObject{
			Cluster: s.run.Cluster, ClusterRef: s.clusterID(), APIVersion: apiVersion, Kind: kind, Namespace: r.Namespace, Name: r.Name,
			Applied: s.applied(r),
		})
	}
	return union(out, nil)
}

func refsIn(objects []models.OwnedObject) []applier.Ref {
	refs := make([]applier.Ref, len(objects))
	for i, o := range objects {
		refs[i] = applier.Ref{
			GroupVersionKind: schema.FromAPIVersionAndKind(o.APIVersion, o.Kind), Namespace: o.Namespace, Name: o.Name,
		}
	}
	return refs
}
