package kinds

// builtin lists the kinds under test.
func builtin(r renderer) []Kind {
	return []Kind{
		configMap{templated{TypeConfigMap, r}},
		secret{templated{TypeSecret, r}},
		newDeployment(r), newStatefulSet(r), newDaemonSet(r), newJob(r), newCronJob(r),
		claim{templated{TypeClaim, r}},
		service{templated{TypeService, r}},
		ingress{templated{TypeIngress, r}},
		hpa{templated{TypeHPA, r}},
		networkPolicy{templated{TypePolicy, r}},
	}
}
