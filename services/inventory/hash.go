package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/kubeorch/core/models"
)

// Hash returns a text that two states have in common if they differ in nothing but
// ResourceVersion. It is the same for a state that was stored and read again, and in
// every process.
func Hash(s models.ResourceState) string {
	s.ResourceVersion = ""
	s.CreatedAt = storable(s.CreatedAt).Truncate(time.Millisecond)
	if len(s.Labels) == 0 {
		s.Labels = nil
	}
	if len(s.Annotations) == 0 {
		s.Annotations = nil
	}
	if len(s.Owners) == 0 {
		s.Owners = nil
	}
	if len(s.Spec) == 0 {
		s.Spec = nil
	}
	raw, err := json.Marshal(s) // sorts the keys of maps
	if err != nil {
		return "" // nothing that Extract returns
	}
	const bytes = 16
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:bytes])
}
