package inventory

import "github.com/kubeorch/core/models"

func (r *reading) job() {
	spec, st := r.at("spec"), r.at("status")
	for _, key := range []string{"completions", "parallelism", "backoffLimit"} {
		if n, ok := spec.number(key); ok {
			r.set(key, n)
		}
	}
	succeeded, failed, active := st.count("succeeded"), st.count("failed"), st.count("active")
	r.set("jobSucceeded", succeeded)
	r.set("jobFailed", failed)
	r.set("jobActive", active)
	r.set("startTime", st.time("startTime"))
	r.set("completionTime", st.time("completionTime"))
	const defaultBackoffLimit = 6
	switch {
	case r.condition("Complete").text("status") == "True", succeeded >= spec.numberOr("completions", succeeded+1):
		r.status = models.ResourceCompleted
	case r.condition("Failed").text("status") == "True", failed > spec.numberOr("backoffLimit", defaultBackoffLimit):
		r.status = models.ResourceFailed
	case failed > 0:
		r.status = models.ResourceWarning
	case active > 0:
		r.status = models.ResourceRunning
	default:
		r.status = models.ResourcePending
	}
	if r.status != models.ResourceCompleted {
		r.explain("job")
	}
}

func (r *reading) cronJob() {
	spec, st := r.at("spec"), r.at("status")
	suspended := spec.truth("suspend")
	r.set("schedule", spec.text("schedule"))
	r.set("concurrencyPolicy", spec.text("concurrencyPolicy"))
	r.set("suspend", suspended)
	r.set("lastScheduleTime", st.time("lastScheduleTime"))
	r.set("lastSuccessfulTime", st.time("lastSuccessfulTime"))
	r.set("activeJobs", float64(len(st.list("active"))))
	r.explain("cronjob")
	if suspended {
		r.status, r.message = models.ResourcePending, "is suspended"
	}
}
