package findings

// podCreation finds what else the cluster refuses to make: for the pod security of the
// namespace, a limit range, or a service account that does not exist.
func podCreation() Rule {
	return Rule{Check: "pod-creation", Types: workloadTypes(), Look: func(f Facts) (string, []Finding) {
		found := f.refusedFor(func(text string) (Finding, bool) {
			if isQuota(text) || isWebhook(text) {
				return Finding{}, false
			}
			return Finding{Message: "the cluster refuses to make it: " + Redact(text), Suggestion: creationAdvice(text)}, true
		})
		return f.allWell("the cluster makes all pods"), found
	}}
}

func creationAdvice(text string) string {
	switch {
	case containsAny(text, "violates podsecurity"):
		return "change the security settings of the node that are named, or the pod security level of the namespace"
	case containsAny(text, "usage per", "limits to requests ratio", "maximum", "minimum"):
		return "keep requests and limits within the limit range of the namespace"
	case containsAny(text, "serviceaccount", "service account"):
		return "create the service account, or name another one"
	}
	return "change what is refused and run the workflow again"
}
