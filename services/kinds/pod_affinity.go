package kinds

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kubeorch/core/pkg/validator"
)

// affinity reads which nodes and which neighbours the pods want, in the form
// of Kubernetes.
func affinity(f fields) any {
	var typed corev1.Affinity
	plain := f.decode("affinity", &typed)
	at := field.NewPath("affinity")
	if a := typed.NodeAffinity; a != nil {
		at := at.Child("nodeAffinity")
		if must := a.RequiredDuringSchedulingIgnoredDuringExecution; must != nil {
			f.nodeTerms(at.Child("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"), must.NodeSelectorTerms)
		}
		for i, p := range a.PreferredDuringSchedulingIgnoredDuringExecution {
			at := at.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i)
			f.weight(at, p.Weight)
			f.nodeTerms(at.Child("preference"), []corev1.NodeSelectorTerm{p.Preference})
		}
	}
	if a := typed.PodAffinity; a != nil {
		f.podTerms(at.Child("podAffinity"), a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if a := typed.PodAntiAffinity; a != nil {
		f.podTerms(at.Child("podAntiAffinity"), a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return plain
}

func (f fields) podTerms(at *field.Path, required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
	for i, t := range required {
		f.podTerm(at.Child("requiredDuringSchedulingIgnoredDuringExecution").Index(i), t)
	}
	for i, p := range preferred {
		at := at.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i)
		f.weight(at, p.Weight)
		f.podTerm(at.Child("podAffinityTerm"), p.PodAffinityTerm)
	}
}

func (f fields) podTerm(at *field.Path, t corev1.PodAffinityTerm) {
	f.check(at.Child("topologyKey").String(), t.TopologyKey, validator.QualifiedName)
	f.labelSelector(at.Child("labelSelector"), t.LabelSelector)
	f.labelSelector(at.Child("namespaceSelector"), t.NamespaceSelector)
	for i, n := range t.Namespaces {
		f.check(at.Child("namespaces").Index(i).String(), n, validator.Label)
	}
}

func (f fields) labelSelector(at *field.Path, s *metav1.LabelSelector) {
	f.faults(metavalidation.ValidateLabelSelector(s, metavalidation.LabelSelectorValidationOptions{}, at))
}

// nodeTerms checks labels of nodes. Their operators are those of label
// selectors, and Gt and Lt.
func (f fields) nodeTerms(at *field.Path, terms []corev1.NodeSelectorTerm) {
	operators := oneOf("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
	for i, t := range terms {
		for j, e := range t.MatchExpressions {
			at := at.Index(i).Child("matchExpressions").Index(j)
			f.check(at.Child("key").String(), e.Key, validator.QualifiedName)
			f.check(at.Child("operator").String(), string(e.Operator), operators)
			for k, v := range e.Values {
				f.check(at.Child("values").Index(k).String(), v, validator.LabelValue)
			}
		}
	}
}

func (f fields) weight(at *field.Path, w int32) {
	if w < 1 || w > 100 {
		f.addf(at.Child("weight").String(), "must be between 1 and 100")
	}
}

// faults reports what a library of Kubernetes found.
func (f fields) faults(errs field.ErrorList) {
	for _, e := range errs {
		f.addf(e.Field, "%s", cmp.Or(e.Detail, e.Type.String()))
	}
}
