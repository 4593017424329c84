package run

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
)

func leftoverNamed(t *testing.T, list []models.Leftover, kind, name string) models.Leftover {
	t.Helper()
	for _, l := range list {
		if l.Kind == kind && l.Name == name {
			return l
		}
	}
	t.Fatalf("no leftover %s %s in %v", kind, name, list)
	return models.Leftover{}
}

func named(l models.Leftover) models.LeftoverName {
	return models.LeftoverName{
		Cluster: l.Cluster, ClusterRef: l.ClusterRef, APIVersion: l.APIVersion, Kind: l.Kind, Namespace: l.Namespace, Name: l.Name, UID: l.UID,
	}
}

// What was kept in a real cluster is described, and only that very object is removed.
func TestLeftoversInACluster(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	core := cluster.Client().CoreV1()
	w := r.drawIn(namespace, "conf:configmap data:persistentvolumeclaim used:persistentvolumeclaim pw:secret old=again:secret")
	typed := typedSecret("pw", "password", "first-value")
	typed.Secrets["old"] = map[string]models.Secret{"password": models.NewSecret("second-value")}
	run := r.mustRun(w.ID, typed)
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	_, err := core.Pods(namespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "c", Image: "nginx"}},
			Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "used"},
			}}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	r.saveIn(namespace, w.ID, "conf:configmap")
	run = r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)

	list, err := r.exec.Leftovers(t.Context(), ann, w.ID)
	require.NoError(t, err)
	require.Len(t, list, 4)
	data, used, pw, again := leftoverNamed(t, list, kindClaim, "data"), leftoverNamed(t, list, kindClaim, "used"),
		leftoverNamed(t, list, kindSecret, "pw"), leftoverNamed(t, list, kindSecret, "again")
	for _, l := range list {
		require.Equal(t, models.LeftoverPresent, l.State, l.Message)
		require.NotEmpty(t, l.UID)
		require.Equal(t, models.KeptLeft, l.Reason)
		require.Equal(t, "c1", l.ClusterRef)
	}
	require.Equal(t, "1Gi", data.Size)
	require.Empty(t, data.Pods)
	require.Equal(t, []string{"reader"}, used.Pods)

	// Somebody makes one of them again, with all its labels.
	copied, err := core.Secrets(namespace).Get(t.Context(), "again", metav1.GetOptions{})
	require.NoError(t, err)
	require.NoError(t, core.Secrets(namespace).Delete(t.Context(), "again", metav1.DeleteOptions{}))
	copied.ResourceVersion, copied.UID, copied.ManagedFields = "", "", nil
	_, err = core.Secrets(namespace).Create(t.Context(), copied, metav1.CreateOptions{FieldManager: "kubectl-replace"})
	require.NoError(t, err)
	// And one is another object by now, which a run wrote.
	stale := named(pw)
	stale.UID = "00000000-0000-0000-0000-000000000000"

	result, err := r.exec.RemoveLeftovers(t.Context(), ann, w.ID, models.LeftoverRemoval{
		Objects: []models.LeftoverName{named(data), named(used), stale, named(again)},
	})
	require.NoError(t, err)
	require.Equal(t, models.RunCompleted, result.Status, result.Error)
	became := map[string]models.ObjectChange{}
	for _, c := range result.Objects {
		became[c.Name] = c
	}
	require.Equal(t, string(applier.Deleted), became["data"].Action)
	require.Equal(t, string(applier.Deleted), became["used"].Action)
	require.Contains(t, became["used"].Message, "pods that mount it have ended: reader")
	require.Equal(t, string(applier.Skipped), became["pw"].Action)
	require.Contains(t, became["pw"].Message, "is another object now")
	require.Equal(t, string(applier.Unchanged), became["again"].Action)
	_, err = core.Secrets(namespace).Get(t.Context(), "again", metav1.GetOptions{})
	require.NoError(t, err, "what somebody else made stays")
	_, err = core.Secrets(namespace).Get(t.Context(), "pw", metav1.GetOptions{})
	require.NoError(t, err)

	list, err = r.exec.Leftovers(t.Context(), ann, w.ID)
	require.NoError(t, err)
	require.Len(t, list, 1)
	result, err = r.exec.RemoveLeftovers(t.Context(), ann, w.ID, models.LeftoverRemoval{Objects: []models.LeftoverName{named(list[0])}})
	require.NoError(t, err)
	require.Equal(t, string(applier.Deleted), result.Objects[0].Action, result.Objects[0].Message)
}

func TestMovingToAnotherNamespace(t *testing.T) {
	t.Parallel()
	r, cluster, from := onDevCluster(t)
	to := cluster.Namespace(t)
	const text = "pw:secret data:persistentvolumeclaim web:deployment svc:service pw>web svc>web"
	w := r.drawIn(from, text)
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, typedSecret("pw", "password", "first-value")).Status)
	core := cluster.Client().CoreV1()
	_, err := core.ConfigMaps(from).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}}, metav1.CreateOptions{})
	require.NoError(t, err)

	r.saveIn(to, w.ID, text)
	run := r.mustRun(w.ID, typedSecret("pw", "password", "first-value"))
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	logs := strings.Join(run.Logs, "\n")
	require.Less(t, strings.Index(logs, "Service "+from+"/svc: deleted"), strings.Index(logs, "Deployment "+from+"/web: deleted"), "dependants first")
	require.Positive(t, strings.Index(logs, "Service "+from+"/svc: deleted"))
	_, err = core.ConfigMaps(from).Get(t.Context(), "theirs", metav1.GetOptions{})
	require.NoError(t, err)
	list, err := r.exec.Leftovers(t.Context(), ann, w.ID)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, from, leftoverNamed(t, list, kindClaim, "data").Namespace)
	require.Equal(t, from, leftoverNamed(t, list, kindSecret, "pw").Namespace)

	// Archived and published again, the claim is used again.
	before, err := core.PersistentVolumeClaims(to).Get(t.Context(), "data", metav1.GetOptions{})
	require.NoError(t, err)
	warning := r.exec.TearDown(t.Context(), w, false)
	require.Contains(t, warning, "PersistentVolumeClaim "+to+"/data")
	require.Contains(t, warning, "have to be typed again: Secret ")
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	after, err := core.PersistentVolumeClaims(to).Get(t.Context(), "data", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, before.UID, after.UID)
}
