package status

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// job are the facts of a Job.
type job struct {
	completions, succeeded, failed, active int64
	complete, over, suspended              bool
	why                                    string // of a failed one
}

func extractJob(u *unstructured.Unstructured) facts {
	o := object(u.Object)
	spec, st := o.at("spec"), o.at("status")
	end := o.condition("Failed")
	return job{
		completions: spec.numberOr("completions", spec.numberOr("parallelism", 1)),
		succeeded:   st.number("succeeded"),
		failed:      st.number("failed"),
		active:      st.number("active"),
		complete:    o.condition("Complete").status == "True",
		over:        end.status == "True",
		suspended:   spec.truth("suspend"),
		why:         firstOf(end.message, end.reason),
	}
}

func (j job) status(o *Object, pods []*Pod) Status {
	s := Status{"succeeded": j.succeeded, "failed": j.failed, "active": j.active, "completions": j.completions}
	state, reason, message := j.judge(o, pods)
	s["state"] = state
	return with(s, reason, message)
}

func (j job) judge(o *Object, pods []*Pod) (state, reason, message string) {
	c, troubled := causeIn(pods)
	switch {
	case o.Deleting:
		return "pending", "Terminating", "is being deleted from the cluster"
	case j.complete:
		return "completed", "", ""
	case j.over && troubled:
		return "failed", c.Reason, firstOf(j.why, "the job failed") + "; " + c.message(j.completions)
	case j.over:
		return "failed", "", firstOf(j.why, "the job failed")
	case j.suspended:
		return "pending", "Suspended", "the job is suspended"
	case troubled && c.stuck():
		return "failed", c.Reason, c.message(j.completions)
	case troubled && c.Reason == "Unschedulable":
		return "pending", c.Reason, c.message(j.completions)
	case troubled:
		return "running", c.Reason, fmt.Sprintf("%d of %d completed; %s", j.succeeded, j.completions, c.message(j.completions))
	case j.active > 0 || j.succeeded > 0 || j.failed > 0:
		return "running", "", fmt.Sprintf("%d of %d completed", j.succeeded, j.completions)
	}
	return "pending", "", "waiting for the first pod"
}

// stuck reports whether a pod cannot even begin. A crash is none: the job
// counts it and tries again.
func (c cause) stuck() bool {
	switch c.Reason {
	case "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError":
		return true
	}
	return false
}

// cronJob are the facts of a CronJob.
type cronJob struct {
	active               int64
	lastRun, lastSuccess string
	suspended            bool
}

func extractCronJob(u *unstructured.Unstructured) facts {
	o := object(u.Object)
	st := o.at("status")
	return cronJob{
		active:      int64(len(st.list("active"))),
		lastRun:     st.text("lastScheduleTime"),
		lastSuccess: st.text("lastSuccessfulTime"),
		suspended:   o.at("spec").truth("suspend"),
	}
}

func (c cronJob) status(o *Object, pods []*Pod) Status {
	s := Status{"state": "active", "activeJobs": c.active}
	if c.lastRun != "" {
		s["lastScheduleTime"] = c.lastRun
	}
	if c.lastSuccess != "" {
		s["lastSuccessfulTime"] = c.lastSuccess
	}
	switch p, troubled := causeIn(pods); {
	case o.Deleting:
		return with(s, "Terminating", "is being deleted from the cluster")
	case c.suspended:
		s["state"] = "suspended"
	case troubled && c.active > 0:
		return with(s, p.Reason, p.message(0))
	}
	return s
}
