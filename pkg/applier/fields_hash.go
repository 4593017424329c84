package applier

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FieldsHash returns a hash of the fields of an object that appliers with
// Options.Manager base apply, by its managed fields, or "" if there are none. A write of
// somebody else to one of these fields takes the field out of our entry, so an equal
// hash means that they have the values that were applied. Managed fields do not tell
// the order of a list, such as that of variables; the generation does.
func FieldsHash(base string, o metav1.Object) string {
	var entries []string
	for _, e := range o.GetManagedFields() {
		if isApplied(base, e) {
			entries = append(entries, e.Manager+"\n"+e.FieldsV1.String())
		}
	}
	if len(entries) == 0 {
		return ""
	}
	slices.Sort(entries)
	sum := sha256.Sum256([]byte(strings.Join(entries, "\n")))
	return hex.EncodeToString(sum[:8]) + "-" + strconv.FormatInt(o.GetGeneration(), 36)
}

// isApplied reports whether an entry has the fields that an applier of ours applies.
func isApplied(base string, e metav1.ManagedFieldsEntry) bool {
	return IsManager(base, e.Manager) && !isHelper(e.Manager) && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == ""
}

// isHelper reports whether a field manager of ours holds single fields for a while.
func isHelper(manager string) bool {
	return strings.HasSuffix(manager, initialSuffix) || strings.HasSuffix(manager, strategySuffix)
}
