package status

import (
	"cmp"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// Pod is the extract of one pod. It does not change.
type Pod struct {
	Namespace string
	Labels    labels.Set
	Revision  string // which version of its workload's template it was made from
	Ready     bool
	Finished  bool // succeeded or failed for good
	Deleting  bool
	Problem   *Problem // why it is not ready, where something is wrong

	uid   string
	waits wait // where nothing is wrong
}

// Problem is what keeps a pod from working, in words for the one who drew it.
type Problem struct {
	Reason string // "ImagePullBackOff"
	Text   string
	// Lasting problems do not go away until somebody changes something; the
	// others may while the cluster goes on trying.
	Lasting bool
}

// ExtractPod reduces a pod.
func ExtractPod(u *unstructured.Unstructured) *Pod {
	o := object(u.Object)
	phase := o.at("status").text("phase")
	p := &Pod{
		Namespace: intern(u.GetNamespace()),
		Labels:    internLabels(o.at("metadata", "labels")),
		Ready:     o.condition("Ready").status == "True",
		Finished:  phase == "Succeeded" || phase == "Failed",
		Deleting:  u.GetDeletionTimestamp() != nil,
		uid:       string(u.GetUID()),
	}
	for _, key := range []string{"pod-template-hash", "controller-revision-hash"} {
		if v := p.Labels[key]; v != "" {
			p.Revision = v
		}
	}
	if !p.Ready && phase != "Succeeded" && !p.Deleting {
		if p.Problem = problemOf(o); p.Problem == nil {
			p.waits = waitsFor(o)
		}
	}
	return p
}

// internLabels copies a pod's labels.
func internLabels(from object) labels.Set {
	set := make(labels.Set, len(from))
	for k := range from {
		set[intern(k)] = intern(from.text(k))
	}
	return set
}

// problemOf returns what is wrong with a pod that is not ready, or nil when it
// merely is not ready yet.
func problemOf(pod object) *Problem {
	st := pod.at("status")
	if st.text("reason") == "Evicted" {
		return problem("Evicted", "was evicted from its node: "+st.text("message"), false)
	}
	if c := pod.condition("PodScheduled"); c.status == "False" && c.reason != "SchedulingGated" {
		return problem("Unschedulable", "no node can take it: "+c.message, false)
	}
	specs := memoryLimits(pod.at("spec"))
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		for _, c := range st.list(list) {
			if p := containerProblem(c, specs[c.text("name")]); p != nil {
				return p
			}
		}
	}
	if st.text("phase") == "Failed" {
		return problem("Failed", cmp.Or(st.text("message"), st.text("reason"), "the pod failed"), false)
	}
	return nil
}

func problem(reason, text string, lasting bool) *Problem {
	return &Problem{Reason: intern(reason), Text: intern(Clean(text)), Lasting: lasting}
}

// memoryLimits returns the memory limit of each container that has one.
func memoryLimits(spec object) map[string]string {
	limits := make(map[string]string)
	for _, list := range []string{"initContainers", "containers"} {
		for _, c := range spec.list(list) {
			if m := c.at("resources", "limits").text("memory"); m != "" {
				limits[c.text("name")] = m
			}
		}
	}
	return limits
}
