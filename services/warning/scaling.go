package warning

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/plan"
)

const kindAutoscaler = "HorizontalPodAutoscaler"

// scaleTarget is what an autoscaler scales.
type scaleTarget struct{ kind, namespace, name string }

func targetOf(autoscaler *unstructured.Unstructured) scaleTarget {
	kind, _, _ := unstructured.NestedString(autoscaler.Object, "spec", "scaleTargetRef", "kind")
	name, _, _ := unstructured.NestedString(autoscaler.Object, "spec", "scaleTargetRef", "name")
	return scaleTarget{kind, autoscaler.GetNamespace(), name}
}

func (in *input) readTargets(steps []plan.Step) {
	in.scaled = map[scaleTarget][]string{}
	in.drawn = map[scaleTarget]*unstructured.Unstructured{}
	for _, step := range steps {
		for _, o := range step.Objects {
			if o.GetKind() == kindAutoscaler {
				in.scaled[targetOf(o)] = append(in.scaled[targetOf(o)], o.GetName())
			} else {
				in.drawn[scaleTarget{o.GetKind(), o.GetNamespace(), o.GetName()}] = o
			}
		}
	}
}

// scaling finds autoscalers that fight: with each other, or with the number of
// replicas that each run sets.
func scaling(o *unstructured.Unstructured, in *input) (found []models.PlanWarning) {
	if o.GetKind() != kindAutoscaler {
		return nil
	}
	target := targetOf(o)
	others := slices.DeleteFunc(slices.Clone(in.scaled[target]), func(name string) bool { return name == o.GetName() })
	if len(others) > 0 {
		found = append(found, models.PlanWarning{Field: "scaleTargetName", Code: TwoAutoscalers, Message: fmt.Sprintf(
			"the autoscaler %s scales %s %s as well; the two undo each other's decisions", others[0], target.kind, target.name)})
	}
	if workload := in.drawn[target]; workload != nil {
		if _, set, _ := unstructured.NestedFieldNoCopy(workload.Object, "spec", "replicas"); set {
			found = append(found, models.PlanWarning{Field: "scaleTargetName", Code: ReplicasScaled, Message: fmt.Sprintf(
				"each run sets the replicas of %s %s back; join the autoscaler to it by an edge", target.kind, target.name)})
		}
	}
	return found
}
