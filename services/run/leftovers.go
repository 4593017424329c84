package run

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
)

// leftoverTime is how long a page waits for what a cluster says of leftovers.
const leftoverTime = 10 * time.Second

// Leftovers returns the objects that one of owner's workflows has in clusters although
// nothing needs them, with what the clusters say of them now. The workflow may be
// archived, or deleted and not yet erased.
func (e *Executor) Leftovers(ctx context.Context, owner, id string) ([]models.Leftover, error) {
	b, err := e.deps.Workflows.Belongings(ctx, owner, id)
	if err != nil {
		return nil, err
	}
	left := union(b.Leftovers(), nil)
	out := make([]models.Leftover, len(left))
	for i, o := range left {
		out[i] = models.Leftover{
			Cluster: o.Cluster, ClusterRef: o.ClusterRef, APIVersion: o.APIVersion, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name,
			UID: o.Kept.UID, Reason: o.Kept.Reason, Since: o.Kept.Since, State: models.LeftoverUnknown,
		}
	}
	const atOnce = 5
	var group errgroup.Group
	group.SetLimit(atOnce)
	for from := 0; from < len(left); {
		to := from + 1
		for to < len(left) && left[to].IsIn(left[from].Cluster, left[from].ClusterRef) {
			to++
		}
		objects, shown := left[from:to], out[from:to]
		group.Go(func() error {
			err := recovered(func() error { return e.lookAt(ctx, owner, id, objects, shown) })
			for i := range shown {
				if err != nil && shown[i].State == models.LeftoverUnknown {
					shown[i].Message = models.MessageOf(clusterFailure(err))
				}
			}
			return nil
		})
		from = to
	}
	return out, group.Wait()
}

// lookAt fills in what a cluster says of objects, which are all in it.
func (e *Executor) lookAt(ctx context.Context, owner, id string, objects []models.OwnedObject, shown []models.Leftover) error {
	ctx, cancel := context.WithTimeout(ctx, leftoverTime)
	defer cancel()
	g, err := e.deps.Access.RequireByID(ctx, owner, objects[0].ClusterRef, models.ClusterRead)
	if err != nil {
		if models.KindOf(err) == models.NotFound {
			for i := range shown {
				shown[i].State, shown[i].Message = models.LeftoverLost, "the cluster was removed, or is not open to you any more"
			}
		}
		return err
	}
	t, err := e.target(ctx, g, id)
	if err != nil {
		return err
	}
	owned, err := listAt(ctx, t, objects)
	if err != nil {
		return err
	}
	uses, err := t.ClaimUses(ctx, namespacesOfClaims(objects))
	if err != nil {
		e.deps.Log.WarnContext(ctx, "the claims of a workflow could not be read", "workflow", id, "err", err)
	}
	there := map[objectKey]*metav1.PartialObjectMetadata{}
	for i := range owned.objects {
		o := &owned.objects[i]
		there[objectKey{o.GroupVersionKind().Group, o.Kind, o.Namespace, o.Name}] = o
	}
	for i, r := range refsIn(objects) {
		describe(&shown[i], there[keyOf(r)])
		use := uses[r.String()]
		shown[i].Size, shown[i].Pods = use.Size, use.Pods
	}
	return nil
}

// describe fills in what is listed of a leftover; nil: nothing is.
func describe(l *models.Leftover, o *metav1.PartialObjectMetadata) {
	switch {
	case o == nil:
		l.State = models.LeftoverGone
		return
	case o.DeletionTimestamp != nil:
		l.State = models.LeftoverTerminating
	case !applied(o):
		l.State, l.Message = models.LeftoverGone, "an object of this name is there, which no run wrote"
		return
	default:
		l.State = models.LeftoverPresent
	}
	if l.UID != "" && l.UID != string(o.UID) {
		l.Message = "it was made again since it was kept"
	}
	l.UID, l.Adopted = string(o.UID), o.Annotations[applier.AdoptedAnnotation] != ""
}

func namespacesOfClaims(objects []models.OwnedObject) (names []string) {
	for _, o := range objects {
		if o.Kind == kindClaim && !slices.Contains(names, o.Namespace) {
			names = append(names, o.Namespace)
		}
	}
	return names
}
