package kinds

import (
	"slices"

	"github.com/kubeorch/core/pkg/validator"
)

// newClaim returns the kind that asks for storage.
func newClaim(r renderer) Kind {
	return templateKind{templated{TypeClaim, r}, validator.Label, claimValues}
}

func claimValues(_ *Node, f fields) map[string]any {
	return map[string]any{
		"storage":          storage(f),
		"accessModes":      accessModes(f),
		"volumeMode":       f.choice("volumeMode", "Filesystem", "Block"),
		"volumeName":       f.text("volumeName", validator.Subdomain),
		"storageClassName": f.text("storageClassName", validator.Subdomain),
		"selector":         claimSelector(f),
	}
}

// storage returns the size of a claim.
func storage(f fields) any {
	size := f.quantity("storage", validator.PositiveQuantity)
	if f.absent("storage") {
		f.addf("storage", "is required")
	}
	return size
}

// accessModes returns how a claim is mounted, by one node for writing unless
// it says otherwise.
func accessModes(f fields) []string {
	const alone = "ReadWriteOncePod"
	modes := f.texts("accessModes", oneOf("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", alone))
	if len(modes) > 1 && slices.Contains(modes, alone) {
		f.addf("accessModes", "must not join %s with another mode", alone)
	}
	if len(modes) == 0 {
		return []string{"ReadWriteOnce"}
	}
	return modes
}

// claimSelector returns which volumes fit, or nil for any.
func claimSelector(f fields) any {
	labels := f.selector("selector")
	if len(labels) == 0 {
		return nil
	}
	return map[string]any{"matchLabels": labels}
}
