package run

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// owns adds a cluster of Ann's to the rig, with nothing in it.
func (r *rig) owns(id, name string) *memoryCluster {
	if r.others == nil {
		r.others, r.elsewhere = map[string]*memoryCluster{}, map[string]models.ClusterGrant{}
	}
	r.others[id] = newMemoryCluster()
	r.elsewhere[id] = models.ClusterGrant{
		Cluster: models.Cluster{ID: id, OwnerID: ann, Name: name}, UserID: ann, Role: models.ClusterOwner,
	}
	return r.others[id]
}

func (r *rig) moveTo(id, cluster string) {
	r.t.Helper()
	_, _, err := r.service().Update(r.t.Context(), ann, id, models.WorkflowPatch{ClusterID: &cluster})
	require.NoError(r.t, err)
}

func (r *rig) leftovers(id string) string {
	r.t.Helper()
	list, err := r.exec.Leftovers(r.t.Context(), ann, id)
	require.NoError(r.t, err)
	words := []string{}
	for _, l := range list {
		words = append(words, l.Cluster+" "+l.Kind+" "+l.Name+" "+l.State)
	}
	return strings.Join(words, ", ")
}

func logsOf(run models.Run) string { return strings.Join(run.Logs, "\n") }

func TestRunCleansTheFormerCluster(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	prod := r.owns("c2", "prod")
	w := r.draw("web:deployment svc:service data:persistentvolumeclaim pw:secret svc>web")
	r.mustRun(w.ID, typedSecret("pw", "password", "abcdef"))
	all := r.cluster.names()
	r.moveTo(w.ID, "prod")
	require.Equal(t, all, r.cluster.names(), "moving does not touch the cluster")
	require.Contains(t, r.leftovers(w.ID), "dev Deployment web present")

	r.cluster.listErr = errors.New("not now")
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Contains(t, logsOf(run), "the former cluster dev stay there for now")
	require.Equal(t, all, r.cluster.names(), "nothing is deleted on the strength of a list that failed")
	require.Contains(t, r.leftovers(w.ID), "dev Deployment web unknown")
	require.Equal(t, "Deployment web, PersistentVolumeClaim data, Service svc", prod.names())

	r.cluster.listErr = nil
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	require.Equal(t, "PersistentVolumeClaim data, Secret pw", r.cluster.names())
	require.Equal(t, "dev PersistentVolumeClaim data present, dev Secret pw present", r.leftovers(w.ID))
	require.Equal(t, "Deployment web, PersistentVolumeClaim data, Service svc", prod.names())

	// Back again, the claim is drawn once more.
	r.moveTo(w.ID, "dev")
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	require.Equal(t, all, r.cluster.names())
	require.Equal(t, "PersistentVolumeClaim data", prod.names())
	require.Equal(t, "prod PersistentVolumeClaim data present", r.leftovers(w.ID))
}

func TestClusterThatWasRemovedHoldsNothingUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.owns("c2", "prod")
	w := r.draw("web:deployment data:persistentvolumeclaim")
	r.mustRun(w.ID, models.TriggerData{})
	r.moveTo(w.ID, "prod")
	r.mustRun(w.ID, models.TriggerData{})
	r.moveTo(w.ID, "dev")
	r.mustRun(w.ID, models.TriggerData{})
	r.moveTo(w.ID, "prod")
	was := r.others["c2"].names()
	// prod is removed, and another cluster gets its name.
	old := r.others["c2"]
	delete(r.elsewhere, "c2")
	delete(r.others, "c2")
	other := r.owns("c9", "prod")
	for _, o := range old.objects { // of the same names, and somebody else's
		copied := *o
		copied.owner = "another"
		other.objects[keyOf(o.ref)] = &copied
	}
	r.moveTo(w.ID, "dev")
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Equal(t, was, other.names(), "another cluster of the same name is not touched")
	require.Equal(t, "prod PersistentVolumeClaim data lost", r.leftovers(w.ID))

	result, err := r.exec.RemoveLeftovers(t.Context(), ann, w.ID, models.LeftoverRemoval{Objects: []models.LeftoverName{
		{Kind: kindClaim, Namespace: "default", Name: "data"},
	}})
	require.NoError(t, err)
	require.Equal(t, "failed", result.Objects[0].Action)
	require.Contains(t, result.Objects[0].Message, "was removed, or is not open to you any more")
	result, err = r.exec.RemoveLeftovers(t.Context(), ann, w.ID, models.LeftoverRemoval{Forget: true, Objects: []models.LeftoverName{
		{Kind: kindClaim, Namespace: "default", Name: "data"},
	}})
	require.NoError(t, err)
	require.Equal(t, models.RunCompleted, result.Status)
	require.Equal(t, "forgotten", result.Objects[0].Action)
	require.Empty(t, r.leftovers(w.ID))
}

// One cluster that is registered twice is one cluster.
func TestMovingToTheSameClusterByAnotherRegistration(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.owns("c2", "alias")
	r.others["c2"] = r.cluster
	w := r.draw("web:deployment old:configmap data:persistentvolumeclaim")
	r.mustRun(w.ID, models.TriggerData{})
	r.moveTo(w.ID, "alias")
	r.save(w.ID, "web:deployment data:persistentvolumeclaim")
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Equal(t, "Deployment web, PersistentVolumeClaim data", r.cluster.names())
	require.Empty(t, r.leftovers(w.ID))
}

func TestLeftoversAreRemovedOnPurpose(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment data:persistentvolumeclaim pw:secret keep:persistentvolumeclaim")
	r.mustRun(w.ID, typedSecret("pw", "password", "abcdef"))
	require.Empty(t, r.leftovers(w.ID))
	r.save(w.ID, "web:deployment")
	r.mustRun(w.ID, models.TriggerData{})
	const kept = "dev PersistentVolumeClaim data present, dev PersistentVolumeClaim keep present, dev Secret pw present"
	require.Equal(t, kept, r.leftovers(w.ID))
	before, err := r.exec.Leftovers(t.Context(), ann, w.ID)
	require.NoError(t, err)
	r.mustRun(w.ID, models.TriggerData{})
	again, err := r.exec.Leftovers(t.Context(), ann, w.ID)
	require.NoError(t, err)
	require.Equal(t, before, again, "since when and why stay")
	require.Equal(t, models.KeptLeft, before[0].Reason)

	_, err = r.exec.Leftovers(t.Context(), bob, w.ID)
	require.Equal(t, models.NotFound, models.KindOf(err))
	name := func(kind, name, uid string) models.LeftoverName {
		return models.LeftoverName{Kind: kind, Namespace: "default", Name: name, UID: uid}
	}
	remove := func(names ...models.LeftoverName) (models.LeftoverResult, error) {
		return r.exec.RemoveLeftovers(t.Context(), ann, w.ID, models.LeftoverRemoval{Objects: names})
	}
	_, err = remove(name(kindClaim, "data", ""), name("Deployment", "web", ""))
	require.Equal(t, models.Invalid, models.KindOf(err), "what is drawn is no leftover")
	require.Contains(t, models.MessageOf(err), "objects[1]")
	_, err = r.exec.RemoveLeftovers(t.Context(), bob, w.ID, models.LeftoverRemoval{Objects: []models.LeftoverName{name(kindClaim, "data", "")}})
	require.Equal(t, models.NotFound, models.KindOf(err))
	require.Equal(t, kept, r.leftovers(w.ID), "nothing was removed yet")

	result, err := remove(name(kindClaim, "data", ""), name(kindSecret, "pw", ""))
	require.NoError(t, err)
	require.Equal(t, models.RunCompleted, result.Status, result.Error)
	require.Equal(t, "Deployment web, PersistentVolumeClaim keep", r.cluster.names())
	require.Equal(t, "dev PersistentVolumeClaim keep present", r.leftovers(w.ID))

	// Drawn again, it is no leftover, also when the run that draws it fails.
	r.save(w.ID, "web:deployment keep:persistentvolumeclaim")
	r.cluster.apply = func(_ context.Context, name string) error {
		if name == "web" {
			return errors.New("no")
		}
		return nil
	}
	require.Equal(t, models.RunFailed, r.mustRun(w.ID, models.TriggerData{}).Status)
	require.Empty(t, r.leftovers(w.ID))
}

func TestArchivedAndDeletedWorkflowsHaveLeftovers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	svc := r.service()
	w := r.draw("web:deployment data:persistentvolumeclaim")
	r.mustRun(w.ID, models.TriggerData{})
	left, warning, err := svc.Retire(t.Context(), ann, w.ID, models.WorkflowDeletion{})
	require.NoError(t, err)
	require.Empty(t, warning)
	require.Equal(t, "2 objects in cluster dev", left)
	require.Equal(t, "dev Deployment web present, dev PersistentVolumeClaim data present", r.leftovers(w.ID))
	_, err = svc.Restore(t.Context(), ann, w.ID)
	require.NoError(t, err)
	require.Empty(t, r.leftovers(w.ID))

	left, warning, err = svc.Retire(t.Context(), ann, w.ID, models.WorkflowDeletion{TearDown: true})
	require.NoError(t, err)
	require.Contains(t, warning, "PersistentVolumeClaim default/data")
	require.Equal(t, "1 object in cluster dev", left)
	require.Equal(t, "PersistentVolumeClaim data", r.cluster.names())
	result, err := r.exec.RemoveLeftovers(t.Context(), ann, w.ID, models.LeftoverRemoval{Objects: []models.LeftoverName{
		{Kind: kindClaim, Namespace: "default", Name: "data"},
	}})
	require.NoError(t, err)
	require.Equal(t, models.RunCompleted, result.Status, result.Error)
	require.Empty(t, r.cluster.names())
}

func TestArchivingCleansFormerClusters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	prod := r.owns("c2", "prod")
	w := r.draw("web:deployment pw:secret data:persistentvolumeclaim")
	r.mustRun(w.ID, typedSecret("pw", "password", "abcdef"))
	r.moveTo(w.ID, "prod")
	warning := r.exec.TearDown(t.Context(), r.current(w.ID), false)
	require.Contains(t, warning, "kept, because they hold data: PersistentVolumeClaim default/data")
	require.Equal(t, "PersistentVolumeClaim data", r.cluster.names())
	require.Empty(t, prod.names())
	require.Contains(t, r.exec.TearDown(t.Context(), r.current(w.ID), false), "default/data", "twice is once")
}

func (r *rig) current(id string) models.Workflow {
	r.t.Helper()
	w, err := r.workflows.Get(r.t.Context(), ann, id)
	require.NoError(r.t, err)
	return w
}

// What a share does not cover any more is no reason for runs to fail.
func TestNarrowerShareLeavesWhatItDoesNotCover(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.drawIn("a", "web:deployment conf:configmap")
	r.mustRun(w.ID, models.TriggerData{})
	r.as(models.ClusterEditor, "b")
	r.saveIn("b", w.ID, "web:deployment")
	for range 2 {
		run := r.mustRun(w.ID, models.TriggerData{})
		require.Equal(t, models.RunCompleted, run.Status, run.Error)
		require.Contains(t, logsOf(run), models.KeptOutside)
	}
	require.Equal(t, "dev ConfigMap conf present, dev Deployment web present", r.sortedLeftovers(w.ID))
	r.access = nil
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	require.Empty(t, r.leftovers(w.ID))
	require.Equal(t, "Deployment web", r.cluster.names())
}

func (r *rig) sortedLeftovers(id string) string {
	words := strings.Split(r.leftovers(id), ", ")
	slices.Sort(words)
	return strings.Join(words, ", ")
}
