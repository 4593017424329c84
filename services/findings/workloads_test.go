package findings

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestStatefulSetStuck(t *testing.T) {
	t.Parallel()
	old := pod("web-0", waiting("ImagePullBackOff", "not found"))
	old.Labels = map[string]string{appsv1.StatefulSetRevisionLabel: "web-1"}
	stuck := of("statefulset", "StatefulSet").with(func(f *Facts) {
		f.StatefulSet = &appsv1.StatefulSet{Status: appsv1.StatefulSetStatus{UpdateRevision: "web-2", CurrentRevision: "web-1", Replicas: 1}}
		f.Pods = []corev1.Pod{old}
	})
	changed := func(change func(s *appsv1.StatefulSet)) Facts {
		return stuck.with(func(f *Facts) { f.StatefulSet = f.StatefulSet.DeepCopy(); change(f.StatefulSet) })
	}
	for name, tc := range map[string]expected{
		"stuck":     {stuck, "error", "the rollout is stuck", "delete pod web-0", "is of revision web-1, and wanted is web-2"},
		"same":      {changed(func(s *appsv1.StatefulSet) { s.Status.UpdateRevision = "web-1" }), "pass", "", "", ""},
		"parallel":  {changed(func(s *appsv1.StatefulSet) { s.Spec.PodManagementPolicy = appsv1.ParallelPodManagement }), "pass", "", "", ""},
		"on delete": {changed(func(s *appsv1.StatefulSet) { s.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType }), "warning", "OnDelete", "RollingUpdate", ""},
		"unseen":    {changed(func(s *appsv1.StatefulSet) { s.Generation = 7 }), "", "", "", ""},
		"rolling":   {stuck.with(func(f *Facts) { f.Pods = []corev1.Pod{ready(old)} }), "pass", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, "rollout") })
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	job := func(reason string) Facts {
		f := of("job", "Job")
		f.Job = &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: batchv1.JobSpec{ActiveDeadlineSeconds: new(int64(30))}}
		f.Job.Status.Failed = 3
		if reason != "" {
			f.Job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: reason, Message: "Job has failed"}}
		}
		f.Logs = []Log{{Pod: "web-x", Container: "web", Lines: []string{"cannot reach db"}}}
		return f
	}
	for name, tc := range map[string]expected{
		"back-off": {job(batchv1.JobReasonBackoffLimitExceeded), "error", "given up after 3 failed pods", "log", "cannot reach db"},
		"deadline": {job(batchv1.JobReasonDeadlineExceeded), "error", "longer than its deadline of 30 seconds", "activeDeadlineSeconds", ""},
		"other":    {job("PodFailurePolicy"), "error", "Job has failed", "log", ""},
		"fine":     {job(""), "pass", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, "job") })
	}
}

func TestPodsOfASucceededJobAreForgiven(t *testing.T) {
	t.Parallel()
	f := of("job", "Job")
	ended := crashing("Error", 1)
	f.Pods = []corev1.Pod{pod("web-1", ended)}
	f.Job = &batchv1.Job{}
	expected{f, "error", "exit code 1", "", ""}.verify(t, "crash-loop")
	f.Job = &batchv1.Job{Status: batchv1.JobStatus{CompletionTime: new(metav1.Now())}}
	expected{f, "pass", "", "", ""}.verify(t, "crash-loop")
}

func TestCronJobs(t *testing.T) {
	t.Parallel()
	f := of("cronjob", "CronJob")
	f.CronJob = &batchv1.CronJob{Spec: batchv1.CronJobSpec{Schedule: "* * * * *"}}
	suspended := f.with(func(f *Facts) { f.CronJob = &batchv1.CronJob{Spec: batchv1.CronJobSpec{Suspend: new(true)}} })
	for name, tc := range map[string]expected{
		"fine":      {f, "pass", "* * * * *", "", ""},
		"suspended": {suspended, "warning", "suspended", "", ""},
		"schedule":  {f.with(func(f *Facts) { f.Events = []corev1.Event{event("u-main", "UnparseableSchedule", "bad")} }), "error", "schedule", "time zone", "bad"},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, "schedule") })
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	claim := func(class *string, classes ...storagev1.StorageClass) Facts {
		f := of("persistentvolumeclaim", "PersistentVolumeClaim")
		f.Claim = &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: class}}
		f.Claim.Status.Phase = corev1.ClaimPending
		f.StorageClasses = classes
		return f
	}
	class := func(name, provisioner string, mode storagev1.VolumeBindingMode) storagev1.StorageClass {
		return storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: provisioner, VolumeBindingMode: &mode}
	}
	immediate := class("fast", "example.org/disk", storagev1.VolumeBindingImmediate)
	byDefault := *immediate.DeepCopy()
	byDefault.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
	for name, tc := range map[string]expected{
		"no class":       {claim(nil, immediate), "error", "no default one", "fast", ""},
		"no such class":  {claim(new("slow"), immediate), "error", `no storage class "slow"`, "fast", ""},
		"no classes":     {claim(new("slow")), "error", `no storage class "slow"`, "set up", ""},
		"by default":     {claim(nil, byDefault), "error", `provisioner "example.org/disk" has not made`, "runs in the cluster", ""},
		"waits":          {claim(new("late"), class("late", "x", storagev1.VolumeBindingWaitForFirstConsumer)), "warning", "first pod", "mount the claim", ""},
		"no provisioner": {claim(new("local"), class("local", "kubernetes.io/no-provisioner", storagev1.VolumeBindingImmediate)), "error", "nothing makes volumes", "persistent volume", ""},
		"failed":         {claim(new("fast"), immediate).with(func(f *Facts) { f.Events = []corev1.Event{event("u-main", "ProvisioningFailed", "no space left")} }), "error", "no space left", "size", "no space left"},
		"volume":         {claim(nil).with(func(f *Facts) { f.Claim.Spec.VolumeName = "pv-1" }), "error", `volume "pv-1"`, "free", ""},
		"unread":         {claim(nil).with(func(f *Facts) { f.Unread[PartStorageClasses] = "no" }), "warning", "no volume yet", "", ""},
		"bound":          {claim(nil).with(func(f *Facts) { f.Claim.Status.Phase = corev1.ClaimBound }), "pass", "", "", ""},
		"lost":           {claim(nil).with(func(f *Facts) { f.Claim.Status.Phase = corev1.ClaimLost }), "error", "gone", "restore", ""},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, "claim-bound") })
	}
}

// Whatever little is known of a node, no rule fails.
func TestRulesTakeEmptyFacts(t *testing.T) {
	t.Parallel()
	for _, r := range All() {
		for _, typ := range r.Types {
			f := of(typ, "Thing")
			f.Pods = []corev1.Pod{{}, pod("web-1", corev1.ContainerStatus{})}
			r.Look(f)
			r.Look(Facts{Type: typ})
		}
	}
}
