package findings

import (
	"fmt"

	"github.com/kubeorch/core/models"
)

// quota finds pods that a quota of the namespace does not let be made.
func quota() Rule {
	return Rule{Check: "quota", Types: append(workloadTypes(), "persistentvolumeclaim"), Look: func(f Facts) (string, []Finding) {
		found := f.refusedFor(func(text string) (Finding, bool) {
			if !isQuota(text) {
				return Finding{}, false
			}
			return Finding{
				Message:    "a quota of namespace " + f.Object.Namespace + " is used up: " + Redact(text),
				Suggestion: "request less, remove something else from the namespace, or have the quota raised",
				Evidence:   quotaEvidence(f),
			}, true
		})
		return f.allWell("no quota stands in the way"), found
	}}
}

func isQuota(text string) bool { return containsAny(text, "exceeded quota", "failed quota") }

// quotaEvidence tells what is used up.
func quotaEvidence(f Facts) []models.Evidence {
	var texts []string
	for _, q := range f.Quotas {
		for name, hard := range q.Status.Hard {
			if used := q.Status.Used[name]; used.Cmp(hard) >= 0 || len(q.Status.Hard) == 1 {
				texts = append(texts, fmt.Sprintf("quota %s: %s of %s %s are used", q.Name, used.String(), hard.String(), name))
			}
		}
	}
	return statusEvidence(texts...)
}
