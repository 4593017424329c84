package kinds

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
)

// claim asks for storage.
type claim struct{ templated }

// Check reports whatever a cluster would refuse.
func (k claim) Check(n *Node) models.Problems {
	p := k.check(n)
	k.values(read(n, &p))
	return p
}

// Render returns the PersistentVolumeClaim.
func (k claim) Render(n *Node) ([]*unstructured.Unstructured, error) {
	return k.render(n, k.values(read(n, &models.Problems{})))
}

func (claim) values(f fields) map[string]any {
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
