package findings

import (
	"github.com/kubeorch/core/models"
)

// cronJobRuns finds CronJobs that start nothing.
func cronJobRuns() Rule {
	return Rule{Check: "schedule", Types: []string{"cronjob"}, Look: func(f Facts) (string, []Finding) {
		if f.CronJob == nil {
			return "", nil
		}
		if s := f.CronJob.Spec.Suspend; s != nil && *s {
			return "", []Finding{{
				Message: "the CronJob is suspended and starts nothing", Severity: models.DiagnosisWarning, Suggestion: "take suspend back to have it run",
			}}
		}
		if events := f.eventsOf(f.UID, "UnparseableSchedule", "UnknownTimeZone", "TooManyMissedTimes"); len(events) > 0 {
			return "", []Finding{{
				Message: "the cluster cannot follow the schedule", Suggestion: "correct the schedule or the time zone", Evidence: eventEvidence(events),
			}}
		}
		return "it starts jobs by the schedule " + f.CronJob.Spec.Schedule, nil
	}}
}
