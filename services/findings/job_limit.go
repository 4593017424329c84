package findings

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
)

// jobLimit finds Jobs that were given up.
func jobLimit() Rule {
	return Rule{Check: "job", Types: []string{"job", "cronjob"}, Look: func(f Facts) (string, []Finding) {
		if f.Job == nil {
			return "", nil
		}
		i := slices.IndexFunc(f.Job.Status.Conditions, func(c batchv1.JobCondition) bool {
			return c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue
		})
		if i < 0 {
			return fmt.Sprintf("job %q was not given up", f.Job.Name), nil
		}
		c := f.Job.Status.Conditions[i]
		one := Finding{
			Message:    fmt.Sprintf("job %q has failed: %s", f.Job.Name, Redact(c.Message)),
			Suggestion: "read the log of the pod that failed last, correct its cause and run the workflow again",
			Object:     models.ObjectName{Kind: "Job", Namespace: f.Job.Namespace, Name: f.Job.Name},
			Evidence:   append(statusEvidence(c.Reason+": "+c.Message), failedLogs(f)...),
		}
		switch c.Reason {
		case batchv1.JobReasonBackoffLimitExceeded:
			one.Message = fmt.Sprintf("job %q was given up after %d failed pods", f.Job.Name, f.Job.Status.Failed)
		case batchv1.JobReasonDeadlineExceeded:
			one.Message = fmt.Sprintf("job %q took longer than its deadline", f.Job.Name)
			if d := f.Job.Spec.ActiveDeadlineSeconds; d != nil {
				one.Message += fmt.Sprintf(" of %d seconds", *d)
			}
			one.Suggestion = "raise activeDeadlineSeconds, or have the program do less at once"
		}
		if f.CronJob != nil {
			one.Parent = &f.Object
			one.Suggestion = "read the log of the pod that failed last and correct its cause; the next run comes by the schedule"
		}
		return "", []Finding{one}
	}}
}

// failedLogs returns the end of a log of the Job's pods.
func failedLogs(f Facts) []models.Evidence {
	for _, l := range f.Logs {
		return logEvidence(l.Lines)
	}
	return nil
}
