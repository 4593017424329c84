package inventory

import (
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/status"
)

func (r *reading) deployment()  { r.replicated("deployment", "availableReplicas") }
func (r *reading) statefulSet() { r.replicated("statefulset", "readyReplicas") }

// replicated reads what a Deployment and a StatefulSet have in common. good names the
// figure by which pods count as working.
func (r *reading) replicated(nodeType, good string) {
	st := r.at("status")
	desired := r.at("spec").numberOr("replicas", 1)
	r.set("replicas", desired)
	for _, key := range []string{"availableReplicas", "readyReplicas", "updatedReplicas"} {
		r.set(key, st.count(key))
	}
	r.templateContainers("spec", "template", "spec")
	r.explain(nodeType)
	switch {
	case desired == 0:
		r.status, r.message = models.ResourcePending, "is scaled to zero"
	case st.count("replicas") == 0:
		r.status = models.ResourcePending
	default:
		r.share(st.count(good), desired)
	}
}

func (r *reading) daemonSet() {
	st := r.at("status")
	for _, key := range []string{
		"desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberAvailable", "numberMisscheduled",
	} {
		r.set(key, st.count(key))
	}
	r.set("updateStrategy", r.at("spec", "updateStrategy").text("type"))
	desired := st.count("desiredNumberScheduled")
	r.explain("daemonset")
	if desired == 0 {
		r.status, r.message = models.ResourcePending, "no node has to run it"
		return
	}
	r.share(st.count("numberReady"), desired)
}

// share sets the status of a workload of which some pods work. Figures of an earlier
// spec never make it a running one.
func (r *reading) share(good, desired float64) {
	switch {
	case good >= desired && r.observed():
		r.status = models.ResourceRunning
	case good > 0:
		r.status = models.ResourceWarning
	default:
		r.status = models.ResourceFailed
	}
}

// explain takes the message over that a drawn node of this type would show.
func (r *reading) explain(nodeType string) status.Status {
	extract, ok := status.Extractor(nodeType)
	if !ok {
		return nil
	}
	s := status.Of(extract(r.whole), nil)
	r.message, _ = s["message"].(string)
	return s
}

// custom reads a custom resource, by its conditions and the conventions of kstatus.
func (r *reading) custom() {
	s := r.explain("plugin")
	for _, key := range []string{"replicas", "readyReplicas"} {
		if n, ok := object(s).number(key); ok {
			r.set(key, n)
		}
	}
	switch s["state"] {
	case "healthy":
		r.status = models.ResourceRunning
	case "partial":
		r.status = models.ResourceWarning
	case "error":
		r.status = models.ResourceFailed
	default:
		r.status = models.ResourceUnknown
	}
}
