package findings

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
)

// unschedulable finds pods that no node takes, with the reason of each node.
func unschedulable() Rule {
	return Rule{Check: "scheduling", Types: workloadTypes(), Look: func(f Facts) (string, []Finding) {
		found := f.eachPod(func(pod *corev1.Pod) (Finding, bool) {
			said, ok := refusedByNodes(pod)
			if !ok {
				return Finding{}, false
			}
			nodes, reasons := nodeReasons(said)
			what := "no node can take the pod"
			if len(reasons) > 0 {
				what = fmt.Sprintf("none of the %s nodes can take the pod: %s", nodes, strings.Join(reasons, "; "))
			}
			return Finding{
				Message: what, Suggestion: schedulingAdvice(said),
				Evidence: append(statusEvidence(said), refusalsByNode(pod, f.Nodes, said)...),
			}, true
		})
		return f.allWell("all pods have a node"), found
	}}
}

func refusedByNodes(pod *corev1.Pod) (said string, ok bool) {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return c.Message, true
		}
	}
	return "", false
}

// schedulerMessage is how the scheduler begins: "0/3 nodes are available: ".
//
//nolint:gochecknoglobals // compiled once, never written
var (
	schedulerMessage = regexp.MustCompile(`^0/(\d+) nodes are available: `)
	countedReason    = regexp.MustCompile(`^\d+ `)
)

// nodeReasons splits the scheduler's message into the reasons, each with the number of
// nodes that have it. A reason may hold commas itself.
func nodeReasons(message string) (nodes string, reasons []string) {
	head := schedulerMessage.FindStringSubmatch(message)
	if head == nil {
		return "", nil
	}
	rest, _, _ := strings.Cut(message[len(head[0]):], " preemption: ")
	for _, part := range strings.Split(strings.TrimRight(rest, ". "), ", ") {
		if countedReason.MatchString(part) || len(reasons) == 0 {
			reasons = append(reasons, strings.TrimRight(part, "."))
			continue
		}
		reasons[len(reasons)-1] += ", " + part
	}
	return head[1], reasons
}

func schedulingAdvice(said string) string {
	switch {
	case containsAny(said, "unbound immediate persistentvolumeclaims", "persistentvolumeclaim", "volume node affinity"):
		return "look at the claims of the pod: they have no volume, or one that is elsewhere"
	case containsAny(said, "insufficient", "too many pods"):
		return "request less CPU and memory, or add nodes"
	case containsAny(said, "affinity/selector", "node affinity"):
		return "correct the node selector or affinity: no node has such labels"
	case containsAny(said, "untolerated taint"):
		return "tolerate the taint in the node's settings, or remove it from the cluster's node"
	case containsAny(said, "free ports"):
		return "use another host port, or fewer pods: each node has one port of that number"
	case containsAny(said, "unschedulable"):
		return "the nodes were cordoned; uncordon them or add others"
	}
	return "compare what the pod asks for with what the nodes have"
}

// maxNodeReasons bounds the nodes that a finding tells of one by one.
const maxNodeReasons = 10

// refusalsByNode names the reason of each node, as far as it can be seen in the node
// itself. What other pods reserve on it is known to the scheduler only.
func refusalsByNode(pod *corev1.Pod, nodes []corev1.Node, said string) []models.Evidence {
	var texts []string
	for i := range nodes {
		if len(texts) == maxNodeReasons {
			texts = append(texts, fmt.Sprintf("and %d more nodes", len(nodes)-maxNodeReasons))
			break
		}
		texts = append(texts, "node "+nodes[i].Name+": "+nodeRefusal(pod, &nodes[i], said))
	}
	return statusEvidence(texts...)
}

func nodeRefusal(pod *corev1.Pod, node *corev1.Node, said string) string {
	var reasons []string
	if node.Spec.Unschedulable {
		reasons = append(reasons, "is cordoned")
	}
	for i := range node.Spec.Taints {
		if t := &node.Spec.Taints[i]; t.Effect != corev1.TaintEffectPreferNoSchedule && !tolerates(pod, t) {
			reasons = append(reasons, "has the taint "+t.ToString())
		}
	}
	for key, want := range pod.Spec.NodeSelector {
		if got, ok := node.Labels[key]; !ok || got != want {
			reasons = append(reasons, fmt.Sprintf("lacks the label %s=%s", key, want))
		}
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		wanted := requested(pod, name)
		has := node.Status.Allocatable[name]
		switch {
		case wanted.Cmp(has) > 0:
			reasons = append(reasons, fmt.Sprintf("has %s of %s in all, and the pod requests %s", has.String(), name, wanted.String()))
		case !wanted.IsZero() && strings.Contains(said, "Insufficient "+string(name)):
			reasons = append(reasons, fmt.Sprintf("may have too little %s left of %s beside other pods", name, has.String()))
		}
	}
	if len(reasons) == 0 {
		return "nothing about the node itself is against it"
	}
	return strings.Join(reasons, ", ")
}
