package inventory

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStatus holds the rules by which objects are running, failed and so on.
func TestStatus(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		kind    string // with its apiVersion
		content string
		want    string // the status
		message string // part of the message
	}{
		"a Deployment without pods yet is pending": {
			"apps/v1 Deployment", `{spec: {replicas: 2}}`, "pending", "0 of 2 pods ready",
		},
		"a Deployment whose pods a quota forbids says so": {
			"apps/v1 Deployment",
			`{spec: {replicas: 2}, status: {conditions: [{type: ReplicaFailure, status: "True", message: 'pods "web-1" is forbidden: exceeded quota'}]}}`,
			"pending", "refuses to make more: exceeded quota",
		},
		"a Deployment that is scaled to zero is pending": {
			"apps/v1 Deployment", `{spec: {replicas: 0}, status: {replicas: 1}}`, "pending", "is scaled to zero",
		},
		"a Deployment all of whose pods are available is running": {
			"apps/v1 Deployment",
			`{spec: {replicas: 2}, status: {replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2, conditions: [{type: Available, status: "True"}]}}`,
			"running", "",
		},
		"a Deployment without a number of replicas wants one": {
			"apps/v1 Deployment", `{status: {replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1, conditions: [{type: Available, status: "True"}]}}`, "running", "",
		},
		"a Deployment some of whose pods are available is a warning": {
			"apps/v1 Deployment", `{spec: {replicas: 2}, status: {replicas: 2, readyReplicas: 1, availableReplicas: 1}}`, "warning", "1 of 2 pods ready",
		},
		"a Deployment with ready pods that are not available yet has failed": {
			"apps/v1 Deployment", `{spec: {replicas: 1}, status: {replicas: 1, updatedReplicas: 1, readyReplicas: 1}}`, "failed", "1 of 1 pods ready",
		},
		"a Deployment without available pods has failed": {
			"apps/v1 Deployment", `{spec: {replicas: 2}, status: {replicas: 2}}`, "failed", "0 of 2 pods ready",
		},
		"a Deployment whose figures are those of an earlier spec does not count as running": {
			"apps/v1 Deployment",
			`{metadata: {generation: 3}, spec: {replicas: 2}, status: {observedGeneration: 2, replicas: 2, readyReplicas: 2, availableReplicas: 2}}`,
			"warning", "has not taken up the last change",
		},
		"a Deployment that is being deleted says so": {
			"apps/v1 Deployment",
			`{metadata: {deletionTimestamp: "2026-01-02T03:04:05Z"}, spec: {replicas: 1}, status: {replicas: 1, readyReplicas: 1, availableReplicas: 1}}`,
			"running", "is being deleted from the cluster",
		},
		"a StatefulSet is running when its pods are ready, available or not": {
			"apps/v1 StatefulSet", `{spec: {replicas: 2, updateStrategy: {type: OnDelete}}, status: {replicas: 2, readyReplicas: 2, updatedReplicas: 1}}`, "running", "",
		},
		"a StatefulSet with some ready pods is a warning": {
			"apps/v1 StatefulSet", `{spec: {replicas: 3}, status: {replicas: 3, readyReplicas: 2, availableReplicas: 3}}`, "warning", "2 of 3 pods ready",
		},
		"a StatefulSet without ready pods has failed": {
			"apps/v1 StatefulSet", `{spec: {replicas: 3}, status: {replicas: 1}}`, "failed", "0 of 3 pods ready",
		},
		"a DaemonSet that no node has to run is pending": {
			"apps/v1 DaemonSet", `{status: {desiredNumberScheduled: 0}}`, "pending", "no node has to run it",
		},
		"a DaemonSet that is ready on all nodes is running": {
			"apps/v1 DaemonSet", `{status: {desiredNumberScheduled: 3, numberReady: 3, currentNumberScheduled: 3, updatedNumberScheduled: 2, numberAvailable: 3}}`, "running", "2 of 3 pods run the new version",
		},
		"a DaemonSet that is ready on some nodes is a warning": {
			"apps/v1 DaemonSet", `{status: {desiredNumberScheduled: 3, numberReady: 1}}`, "warning", "1 of 3 pods ready",
		},
		"a DaemonSet that is ready nowhere has failed": {
			"apps/v1 DaemonSet", `{status: {desiredNumberScheduled: 3}}`, "failed", "0 of 3 pods ready",
		},
		"a pod in the phase Pending is pending": {
			"v1 Pod", `{status: {phase: Pending}}`, "pending", "",
		},
		"a pod for which no node has room says so": {
			"v1 Pod",
			`{status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: 3 Insufficient cpu.}]}}`,
			"pending", "Unschedulable: no node can take it: 3 Insufficient cpu.",
		},
		"a pod whose image cannot be pulled says so": {
			"v1 Pod",
			`{status: {phase: Pending, containerStatuses: [{name: web, image: "nginx:x", state: {waiting: {reason: ErrImagePull, message: not found}}}]}}`,
			"pending", `ImagePullBackOff: image "nginx:x" cannot be pulled`,
		},
		"a pod in the phase Running is running": {
			"v1 Pod", `{status: {phase: Running, conditions: [{type: Ready, status: "True"}]}}`, "running", "",
		},
		"a running pod that keeps crashing says so": {
			"v1 Pod",
			`{status: {phase: Running, containerStatuses: [{name: web, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 2, reason: Error}}}]}}`,
			"running", "CrashLoopBackOff: container \"web\" keeps ending with exit code 2",
		},
		"a pod that waits for its readiness probe says so": {
			"v1 Pod", `{status: {phase: Running, containerStatuses: [{name: web, state: {running: {}}}]}}`, "running", "readiness probe",
		},
		"a pod in the phase Succeeded is completed": {
			"v1 Pod", `{status: {phase: Succeeded, containerStatuses: [{name: web, state: {terminated: {exitCode: 0}}}]}}`, "completed", "",
		},
		"a pod in the phase Failed has failed": {
			"v1 Pod", `{status: {phase: Failed, reason: Evicted, message: low on memory}}`, "failed", "Evicted: was evicted from its node: low on memory",
		},
		"a pod in another phase is unknown": {
			"v1 Pod", `{status: {phase: Unknown}}`, "unknown", "",
		},
		"a pod without a phase is unknown": {
			"v1 Pod", `{}`, "unknown", "",
		},
		"a Job with all its completions is completed": {
			"batch/v1 Job", `{spec: {completions: 2}, status: {succeeded: 2, failed: 1}}`, "completed", "",
		},
		"a Job without a number of completions is completed when its controller says so": {
			"batch/v1 Job", `{spec: {parallelism: 2}, status: {succeeded: 1, conditions: [{type: Complete, status: "True"}]}}`, "completed", "",
		},
		"a Job without a number of completions goes on after the first success": {
			"batch/v1 Job", `{spec: {parallelism: 2}, status: {succeeded: 1, active: 1}}`, "running", "1 of 2 completed",
		},
		"a Job with more failures than its back-off limit has failed": {
			"batch/v1 Job", `{spec: {completions: 1, backoffLimit: 0}, status: {failed: 1}}`, "failed", "0 of 1 completed",
		},
		"a Job that exceeded its deadline has failed": {
			"batch/v1 Job",
			`{spec: {completions: 1}, status: {failed: 1, conditions: [{type: Failed, status: "True", reason: DeadlineExceeded, message: was active longer than its deadline}]}}`,
			"failed", "was active longer than its deadline",
		},
		"a Job with failures that it may still have is a warning": {
			"batch/v1 Job", `{spec: {completions: 1, backoffLimit: 3}, status: {failed: 3, active: 1}}`, "warning", "0 of 1 completed",
		},
		"a Job with six failures and no limit of its own is a warning": {
			"batch/v1 Job", `{spec: {completions: 1}, status: {failed: 6}}`, "warning", "0 of 1 completed",
		},
		"a Job with active pods is running": {
			"batch/v1 Job", `{spec: {completions: 1}, status: {active: 1}}`, "running", "0 of 1 completed",
		},
		"a Job without pods is pending": {
			"batch/v1 Job", `{spec: {completions: 1}}`, "pending", "waiting for the first pod",
		},
		"a suspended Job is pending": {
			"batch/v1 Job", `{spec: {completions: 1, suspend: true}}`, "pending", "the job is suspended",
		},
		"a CronJob is running": {
			"batch/v1 CronJob", `{spec: {schedule: "* * * * *"}}`, "running", "",
		},
		"a suspended CronJob is pending": {
			"batch/v1 CronJob", `{spec: {suspend: true}}`, "pending", "is suspended",
		},
		"an Ingress with an address is running": {
			"networking.k8s.io/v1 Ingress", `{status: {loadBalancer: {ingress: [{hostname: lb.example.com}]}}}`, "running", "",
		},
		"an Ingress without an address is pending": {
			"networking.k8s.io/v1 Ingress", `{}`, "pending", "waiting for an address",
		},
		"an autoscaler with the replicas that it wants is running": {
			"autoscaling/v2 HorizontalPodAutoscaler", `{status: {currentReplicas: 2, desiredReplicas: 2, conditions: [{type: AbleToScale, status: "True"}]}}`, "running", "",
		},
		"an autoscaler that changes the number of replicas is a warning": {
			"autoscaling/v2 HorizontalPodAutoscaler", `{status: {currentReplicas: 2, desiredReplicas: 4, conditions: [{type: AbleToScale, status: "True"}]}}`, "warning", "2 replicas, going to 4",
		},
		"a Node that is ready is running": {
			"v1 Node", `{status: {conditions: [{type: Ready, status: "True"}]}}`, "running", "",
		},
		"a Node that is cordoned says so": {
			"v1 Node", `{spec: {unschedulable: true}, status: {conditions: [{type: Ready, status: "True"}]}}`, "running", "takes no new pods",
		},
		"a Node under pressure says so": {
			"v1 Node", `{status: {conditions: [{type: Ready, status: "True"}, {type: DiskPressure, status: "True", message: the disk is full}]}}`, "running", "the disk is full",
		},
		"a Node that is not ready has failed": {
			"v1 Node", `{status: {conditions: [{type: Ready, status: "False", message: the runtime is down}]}}`, "failed", "the runtime is down",
		},
		"a Node that is no longer heard of has failed": {
			"v1 Node", `{status: {conditions: [{type: Ready, status: Unknown, reason: NodeStatusUnknown}]}}`, "failed", "NodeStatusUnknown",
		},
		"a Node without conditions has failed": {
			"v1 Node", `{}`, "failed", "does not report that it is ready",
		},
		"a Namespace is running": {
			"v1 Namespace", `{status: {phase: Active}}`, "running", "",
		},
		"a Namespace that is being deleted is deleted, and says what keeps it": {
			"v1 Namespace",
			`{metadata: {deletionTimestamp: "2026-01-02T03:04:05Z"}, status: {phase: Terminating, conditions: [{type: NamespaceContentRemaining, status: "True", message: pods has 1 instance}]}}`,
			"deleted", "is being deleted from the cluster; pods has 1 instance",
		},
		"a Service is running":       {"v1 Service", `{}`, "running", ""},
		"a ConfigMap is running":     {"v1 ConfigMap", `{}`, "running", ""},
		"a Secret is running":        {"v1 Secret", `{}`, "running", ""},
		"a NetworkPolicy is running": {"networking.k8s.io/v1 NetworkPolicy", `{}`, "running", ""},
		"a Service without the address of its load balancer is running, and says so": {
			"v1 Service", `{spec: {type: LoadBalancer}}`, "running", "waiting for the load balancer's address",
		},
		"a claim with a volume is running": {
			"v1 PersistentVolumeClaim", `{status: {phase: Bound}}`, "running", "",
		},
		"a claim that waits for a volume is pending": {
			"v1 PersistentVolumeClaim", `{spec: {storageClassName: fast}, status: {phase: Pending}}`, "pending", `storage class "fast"`,
		},
		"a claim whose volume is gone has failed": {
			"v1 PersistentVolumeClaim", `{spec: {volumeName: pv-1}, status: {phase: Lost}}`, "failed", `volume "pv-1" of this claim is gone`,
		},
		"a claim without a phase is unknown": {
			"v1 PersistentVolumeClaim", `{}`, "unknown", "waiting for a volume",
		},
		"a volume that is free is running": {
			"v1 PersistentVolume", `{status: {phase: Available}}`, "running", "",
		},
		"a volume whose claim is gone is a warning": {
			"v1 PersistentVolume", `{status: {phase: Released}}`, "warning", "still holds the data",
		},
		"a volume that could not be reclaimed has failed": {
			"v1 PersistentVolume", `{status: {phase: Failed, message: no such disk}}`, "failed", "no such disk",
		},
		"a custom resource that reports to be ready is running": {
			"cert-manager.io/v1 Certificate", `{status: {conditions: [{type: Ready, status: "True"}]}}`, "running", "",
		},
		"a custom resource without conditions is running": {
			"cert-manager.io/v1 Certificate", `{}`, "running", "",
		},
		"a custom resource that its operator works on is a warning": {
			"cert-manager.io/v1 Certificate", `{status: {conditions: [{type: Ready, status: "False", message: waiting for the issuer}]}}`, "warning", "waiting for the issuer",
		},
		"a custom resource whose operator reports a failure has failed": {
			"cert-manager.io/v1 Certificate", `{status: {conditions: [{type: Failed, status: "True", message: the issuer refuses}]}}`, "failed", "the issuer refuses",
		},
		"a custom resource of the name of a builtin kind is none of it": {
			"serving.knative.dev/v1 Service", `{status: {conditions: [{type: Ready, status: "False", message: no revision}]}}`, "warning", "no revision",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := decode(t, tc.content[:1]+"apiVersion: "+strings.Replace(tc.kind, " ", ", kind: ", 1)+", "+tc.content[1:])
			s := kindOf(u).Extract(asRead(u))
			require.Equal(t, tc.want, s.Status)
			require.Contains(t, s.Message, tc.message)
			require.Equal(t, tc.message == "", s.Message == "", s.Message)
			requireStorable(t, s)
		})
	}
}

func TestWholeKindOfWhichOnlyMetadataIsRead(t *testing.T) {
	t.Parallel()
	u := decode(t, `{apiVersion: v1, kind: Pod, metadata: {uid: u1}}`)
	s := kindOf(u).Extract(u)
	require.Equal(t, "u1", s.UID)
	require.Equal(t, "unknown", s.Status)
}
