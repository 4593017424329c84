package kinds

import "github.com/kubeorch/core/models"

// Builtin lists the kinds of all node types that can be drawn. Core objects
// are laid out by r, custom resources by the definitions in catalogue.
func Builtin(r renderer, catalogue []models.Plugin) []Kind {
	return []Kind{
		newDeployment(r),
		newStatefulSet(r),
		newDaemonSet(r),
		newJob(r),
		newCronJob(r),
		newService(r),
		newIngress(r),
		newConfigMap(r),
		newSecret(r),
		newClaim(r),
		newHPA(r),
		newNetworkPolicy(r),
		newPlugin(catalogue),
	}
}
