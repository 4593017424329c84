package kinds

// builtin lists the kinds under test.
func builtin(r renderer) []Kind {
	return []Kind{
		newDeployment(r),
		newStatefulSet(r),
		newDaemonSet(r),
		newJob(r),
		newCronJob(r),
		newConfigMap(r),
		newSecret(r),
		newClaim(r),
		newService(r),
		newIngress(r),
		newHPA(r),
		newNetworkPolicy(r),
	}
}
