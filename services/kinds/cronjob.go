package kinds

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a time zone must not depend on the machine's files

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/pkg/validator"
)

func newCronJob(r renderer) Kind {
	return workload{templateKind{templated{TypeCronJob, r}, cronJobName, cronJobValues}}
}

// cronJobName leaves room for what the controller appends to name a Job.
func cronJobName(s string) string {
	const longest = 52
	if len(s) > longest {
		return fmt.Sprintf("must be no more than %d characters for a CronJob", longest)
	}
	return validator.Label(s)
}

func cronJobValues(n *Node, f fields) map[string]any {
	return merge(jobValues(n, f, corev1.RestartPolicyOnFailure), map[string]any{
		"schedule": f.required("schedule", validator.Schedule),
		"timeZone": f.text("timeZone", timeZone),
		"concurrencyPolicy": f.choice("concurrencyPolicy",
			string(batchv1.AllowConcurrent), string(batchv1.ForbidConcurrent), string(batchv1.ReplaceConcurrent)),
		"suspend":                    f.flag("suspend"),
		"startingDeadlineSeconds":    f.seconds("startingDeadlineSeconds"),
		"successfulJobsHistoryLimit": f.count("successfulJobsHistoryLimit", 0),
		"failedJobsHistoryLimit":     f.count("failedJobsHistoryLimit", 0),
	})
}

func timeZone(s string) string {
	if _, err := time.LoadLocation(s); err != nil || strings.EqualFold(s, "local") {
		return "must be the name of a time zone like Europe/Berlin"
	}
	return ""
}
