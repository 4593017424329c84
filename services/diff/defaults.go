package diff

import "slices"

// isDefault reports whether v is what the API server fills into the built-in kinds
// for a field of that name, or chooses itself. The client that created an object is
// the manager of these, too.
func isDefault(name string, v any) bool {
	if fields, isMap := v.(map[string]any); isMap {
		for name, field := range fields {
			if !isDefault(name, field) {
				return false
			}
		}
		return true
	}
	if slices.Contains([]string{"clusterIP", "clusterIPs", "ipFamilies", "nodePort", "healthCheckNodePort", "policyTypes"}, name) {
		return true
	}
	return slices.Contains(defaults()[name], v)
}

// defaults returns the values by the name of their field.
func defaults() map[string][]any {
	return map[string][]any{
		"ipFamilyPolicy": {"SingleStack"}, "internalTrafficPolicy": {"Cluster"}, "externalTrafficPolicy": {"Cluster"},
		"sessionAffinity": {"None"}, "protocol": {"TCP"}, "pathType": {"ImplementationSpecific"},
		"progressDeadlineSeconds": {int64(600)}, "revisionHistoryLimit": {int64(10)}, "podManagementPolicy": {"OrderedReady"},
		"replicas": {int64(1)}, "maxSurge": {"25%", int64(0)}, "maxUnavailable": {"25%", int64(1)}, "partition": {int64(0)},
		"type":        {"ClusterIP", "RollingUpdate", "Opaque"},
		"whenDeleted": {"Retain"}, "whenScaled": {"Retain"},
		"dnsPolicy": {"ClusterFirst"}, "restartPolicy": {"Always"}, "schedulerName": {"default-scheduler"},
		"terminationGracePeriodSeconds": {int64(30)}, "terminationMessagePath": {"/dev/termination-log"},
		"terminationMessagePolicy": {"File"}, "imagePullPolicy": {"IfNotPresent", "Always"},
		"failureThreshold": {int64(3)}, "successThreshold": {int64(1)}, "periodSeconds": {int64(10)}, "timeoutSeconds": {int64(1)},
		"scheme": {"HTTP"}, "defaultMode": {int64(420)}, "volumeMode": {"Filesystem"},
		"backoffLimit": {int64(6)}, "completionMode": {"NonIndexed"}, "completions": {int64(1)}, "parallelism": {int64(1)},
		"suspend": {false}, "podReplacementPolicy": {"TerminatingOrFailed"}, "concurrencyPolicy": {"Allow"},
		"failedJobsHistoryLimit": {int64(1)}, "successfulJobsHistoryLimit": {int64(3)},
	}
}
