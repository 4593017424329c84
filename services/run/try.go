package run

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/plan"
)

// tryFirst asks the API server, changing nothing, about the objects that our own
// checks cannot judge. A refusal fails the run before its first write instead of
// between two waves.
func (e *Executor) tryFirst(ctx context.Context, s *session, t clusterTarget) error {
	var reqs []applier.Request
	var from []*nodeWork
	for _, step := range s.plan.Steps {
		for _, o := range step.Objects {
			if onlyServerCanJudge(o) {
				reqs = append(reqs, s.request(step, o))
				from = append(from, &nodeWork{step: step})
			}
		}
	}
	for i, c := range t.Try(ctx, reqs) {
		if c.Action == applier.Failed {
			from[i].note(s, c)
			e.conclude(ctx, s, from[i])
		}
	}
	return s.verdict()
}

// onlyServerCanJudge reports whether the validity of o depends on the cluster:
// custom resources have schemas there, admission webhooks compare Ingresses with
// each other, and parts of StatefulSets, claims and immutable objects cannot be
// changed. Objects of the other kinds were checked in full; asking about them too
// would double the requests of a run.
func onlyServerCanJudge(o *unstructured.Unstructured) bool {
	group, _, grouped := strings.Cut(o.GetAPIVersion(), "/")
	if grouped && strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io") {
		return true
	}
	immutable, _, _ := unstructured.NestedBool(o.Object, "immutable")
	return immutable || slices.Contains([]string{"Ingress", "StatefulSet", "PersistentVolumeClaim"}, o.GetKind())
}

// nodePortsFirst moves the Services with drawn node ports into a first wave of
// their own, which is empty when there are none. A dry run does not judge node
// ports: their range is a setting of the API server, and they may be taken.
func nodePortsFirst(waves [][]plan.Step) (first []plan.Step, rest [][]plan.Step) {
	for _, wave := range waves {
		var others []plan.Step
		for _, step := range wave {
			if slices.ContainsFunc(step.Objects, hasNodePort) {
				first = append(first, step)
			} else {
				others = append(others, step)
			}
		}
		rest = append(rest, others)
	}
	return first, rest
}

func hasNodePort(o *unstructured.Unstructured) bool {
	if o.GetKind() != "Service" {
		return false
	}
	ports, _, _ := unstructured.NestedSlice(o.Object, "spec", "ports")
	return slices.ContainsFunc(ports, func(p any) bool {
		port, _ := p.(map[string]any)
		return port["nodePort"] != nil
	})
}
