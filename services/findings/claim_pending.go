package findings

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/kubeorch/core/models"
)

// claimPending finds claims without a volume.
func claimPending() Rule {
	return Rule{Check: "claim-bound", Types: []string{"persistentvolumeclaim"}, Look: func(f Facts) (string, []Finding) {
		if f.Claim == nil {
			return "", nil
		}
		events := f.eventsOf(f.UID, "ProvisioningFailed", "FailedBinding", "ExternalProvisioning", "WaitForFirstConsumer", "WaitForPodScheduled")
		one := Finding{Evidence: eventEvidence(events)}
		switch f.Claim.Status.Phase {
		case corev1.ClaimBound:
			return fmt.Sprintf("the claim has the volume %q", f.Claim.Spec.VolumeName), nil
		case corev1.ClaimLost:
			one.Message = fmt.Sprintf("the volume %q of the claim is gone", f.Claim.Spec.VolumeName)
			one.Suggestion = "restore the volume, or delete the claim and run the workflow again, which begins with an empty one"
			return "", []Finding{one}
		}
		one.Message, one.Suggestion, one.Severity = f.whyPending(events)
		return "", []Finding{one}
	}}
}

// whyPending says what a claim waits for.
func (f Facts) whyPending(events []corev1.Event) (message, advice, severity string) {
	class, names, known := f.storageClass()
	wanted := ""
	if c := f.Claim.Spec.StorageClassName; c != nil {
		wanted = *c
	}
	offered := "name one of the cluster's storage classes: " + strings.Join(names, ", ")
	if len(names) == 0 {
		offered = "have a storage class set up in the cluster"
	}
	failed := slices.IndexFunc(events, func(e corev1.Event) bool { return e.Reason == "ProvisioningFailed" })
	switch {
	case f.Claim.Spec.VolumeName != "":
		return fmt.Sprintf("the claim waits for the volume %q", f.Claim.Spec.VolumeName), "check that the volume exists and is free", ""
	case known && class == nil && wanted == "":
		return "the claim names no storage class, and the cluster has no default one", offered, ""
	case known && class == nil:
		return fmt.Sprintf("there is no storage class %q in the cluster", wanted), offered, ""
	case failed >= 0:
		return "no volume can be made: " + Redact(events[failed].Message), "correct size, access mode or class, or ask whoever runs the cluster's storage", ""
	case class != nil && class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer:
		return fmt.Sprintf("the storage class %q makes the volume when the first pod uses the claim", class.Name),
			"mount the claim in a workload and run it; look at the workload's diagnostics if it is", models.DiagnosisWarning
	case class != nil && class.Provisioner == "kubernetes.io/no-provisioner":
		return fmt.Sprintf("nothing makes volumes for the storage class %q, and none that exists fits", class.Name),
			"have a persistent volume of that class and size made, or use another class", ""
	case class != nil:
		return fmt.Sprintf("the provisioner %q has not made a volume yet", class.Provisioner), "check that this provisioner runs in the cluster", ""
	}
	return "the claim has no volume yet", "look again in a moment", models.DiagnosisWarning
}

// storageClass returns the class of the claim, the names of all, and whether they are
// known.
func (f Facts) storageClass() (class *storagev1.StorageClass, names []string, known bool) {
	for i := range f.StorageClasses {
		c := &f.StorageClasses[i]
		names = append(names, c.Name)
		wanted := f.Claim.Spec.StorageClassName
		if wanted != nil && *wanted == c.Name || wanted == nil && c.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
			class = c
		}
	}
	return class, names, f.knows(PartStorageClasses)
}
