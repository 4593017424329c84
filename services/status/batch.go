package status

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// job are the facts of a Job.
type job struct {
	completions, succeeded, failed, active int64
	complete, over, suspended              bool
	why                                    string   // of a failed one
	refused                                string   // why the cluster lets no pod be made
	events                                 []*Event // of the job and its pods
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
		why:         cmp.Or(end.message, end.reason),
	}
}

func (j job) explain(events []*Event) facts {
	j.refused, j.events = refusedBy(events, "Job"), events
	return j
}

func (j job) status(o *Object, pods []*Pod) Status {
	s := Status{"succeeded": j.succeeded, "failed": j.failed, "active": j.active, "completions": j.completions}
	state, reason, message := j.evaluate(o, pods)
	s["state"] = state
	return with(s, reason, message)
}

func (j job) evaluate(o *Object, pods []*Pod) (state, reason, message string) {
	c, hasProblem := mainProblem(pods, j.events)
	blocked, _ := blockedBy(j.events, pods)
	switch {
	case o.Deleting:
		return "pending", "Terminating", "is being deleted from the cluster"
	case j.complete:
		return "completed", "", ""
	case j.over && hasProblem:
		return "failed", c.Reason, cmp.Or(j.why, "the job failed") + "; " + c.message(j.completions)
	case j.over:
		return "failed", "", cmp.Or(j.why, "the job failed")
	case j.suspended:
		return "pending", "Suspended", "the job is suspended"
	case hasProblem && c.stuck():
		return "failed", c.Reason, c.message(j.completions)
	case hasProblem && c.Reason == "Unschedulable":
		return "pending", c.Reason, c.message(j.completions)
	case hasProblem:
		return "running", c.Reason, fmt.Sprintf("%d of %d completed; %s", j.succeeded, j.completions, c.message(j.completions))
	case j.refused != "" && j.active == 0:
		return "failed", "FailedCreate", "the cluster refuses to make a pod: " + j.refused
	case blocked != nil:
		return "running", blocked.Reason, fmt.Sprintf("%d of %d completed; %s", j.succeeded, j.completions, blocked.Text)
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
	active               []string // names of Jobs
	lastRun, lastSuccess string
	suspended            bool
	trouble              *Event   // what keeps a Job from being made
	refused              string   // why the cluster lets an active Job make no pod
	events               []*Event // of the CronJob, its Jobs and pods
}

func extractCronJob(u *unstructured.Unstructured) facts {
	o := object(u.Object)
	st := o.at("status")
	var active []string
	for _, job := range st.list("active") {
		active = append(active, job.text("name"))
	}
	return cronJob{
		active:      active,
		lastRun:     st.text("lastScheduleTime"),
		lastSuccess: st.text("lastSuccessfulTime"),
		suspended:   o.at("spec").truth("suspend"),
	}
}

func (c cronJob) explain(events []*Event) facts {
	e := newest(events, "CronJob", spokenOf("CronJob")...)
	if e != nil && e.Reason != "SuccessfulCreate" {
		c.trouble = e
	}
	for _, job := range c.active {
		c.refused = cmp.Or(c.refused, refusedBy(about(events, job), "Job"))
	}
	c.events = events
	return c
}

func (c cronJob) status(o *Object, pods []*Pod) Status {
	s := Status{"state": "active", "activeJobs": int64(len(c.active))}
	if c.lastRun != "" {
		s["lastScheduleTime"] = c.lastRun
	}
	if c.lastSuccess != "" {
		s["lastSuccessfulTime"] = c.lastSuccess
	}
	p, hasProblem := mainProblem(pods, c.events)
	blocked, waits := blockedBy(c.events, pods)
	switch {
	case o.Deleting:
		return with(s, "Terminating", "is being deleted from the cluster")
	case c.suspended:
		s["state"] = "suspended"
	case c.trouble != nil:
		return with(s, c.trouble.Reason, "the cluster makes no job: "+refusal(c.trouble.Text))
	case hasProblem && len(c.active) > 0:
		return with(s, p.Reason, p.message(0))
	case c.refused != "":
		return with(s, "FailedCreate", "the cluster lets the job make no pod: "+c.refused)
	case blocked != nil:
		return with(s, blocked.Reason, string(waits)+": "+blocked.Text)
	case c.lastFailed() && hasProblem:
		return with(s, "LastRunFailed", "the last run failed; "+p.message(0))
	case c.lastFailed():
		return with(s, "LastRunFailed", "the last run failed; its job's logs tell more")
	}
	return s
}

// lastFailed reports whether the latest Job ended without success. One that
// succeeds does so after the time for which it was scheduled.
func (c cronJob) lastFailed() bool {
	return len(c.active) == 0 && c.lastRun != "" && c.lastSuccess < c.lastRun
}
