package applier

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Marks tell whether somebody has changed an object, without its content.
type Marks struct {
	// Fields is FieldsHash of the object.
	Fields string
	// Others changes with every change of what others than us and Kubernetes itself have
	// set in the object. It is "" while there is no such field. Of an object whose managed
	// fields do not name us it changes with the labels and annotations.
	Others string
	// State changes with the rest of the object, but with its status only where it has no
	// generation.
	State string
}

// MarksOf returns the marks of an object as a watch or a list delivers it, for appliers
// with Options.Manager base.
func MarksOf(base string, o metav1.Object) Marks {
	managed := managedFields(o)
	generation := o.GetGeneration()
	m := Marks{
		Fields: FieldsHash(base, &metav1.ObjectMeta{Generation: generation, ManagedFields: managed}), State: o.GetResourceVersion(),
	}
	if generation > 0 {
		m.State = strconv.FormatInt(generation, 10)
	}
	switch others := othersOf(base, managed); {
	case m.Fields == "":
		m.Others = hashOf(o.GetLabels(), o.GetAnnotations())
	case len(others) > 0:
		m.Others = hashOf(others)
	}
	return m
}

// othersOf returns what tells the fields of others, and when they were set.
func othersOf(base string, managed []metav1.ManagedFieldsEntry) (others []string) {
	for _, e := range managed {
		if e.Subresource != "status" && !IsManager(base, e.Manager) && !IsKubernetes(e.Manager) && e.FieldsV1 != nil {
			others = append(others, fmt.Sprint(e.Manager, e.Operation, e.Time, e.FieldsV1.String()))
		}
	}
	slices.Sort(others)
	return others
}

// IsKubernetes reports whether a field manager is a component of Kubernetes, such as the
// controller that counts the revisions of Deployments.
func IsKubernetes(manager string) bool {
	switch manager {
	case "kube-controller-manager", "kube-scheduler", "kube-apiserver", "kubelet", "kube-proxy", "k3s", "rke2":
		return true
	}
	return strings.HasSuffix(manager, "cloud-controller-manager")
}

// managedFields returns the managed fields of an object in the words of the API server.
// Decoded objects have lost the order in which it lists the keys of maps.
func managedFields(o metav1.Object) []metav1.ManagedFieldsEntry {
	u, decoded := o.(*unstructured.Unstructured)
	if !decoded {
		return o.GetManagedFields()
	}
	managed := u.GetManagedFields()
	for i, e := range managed {
		set := &fieldpath.Set{}
		if e.FieldsV1 == nil || set.FromJSON(e.FieldsV1.GetRawReader()) != nil {
			continue
		}
		if text, err := set.ToJSON(); err == nil {
			managed[i].FieldsV1 = metav1.NewFieldsV1(string(text))
		}
	}
	return managed
}

// hashOf returns a short hash of values that encode to JSON.
func hashOf(values ...any) string {
	sum := sha256.New()
	for _, v := range values {
		writeJSON(sum, v)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

func writeJSON(to hash.Hash, v any) {
	_ = json.NewEncoder(to).Encode(v) // texts, numbers and maps of texts; a hash takes everything
}

// LostKeys returns those of keys below a top field of an object that our managers had
// when FieldsHash was before, and that somebody has removed since: one of them, or all.
func LostKeys(base string, o metav1.Object, before, top string, keys []string) []string {
	candidates := [][]string{keys}
	for i := range keys {
		candidates = append(candidates, keys[i:i+1])
	}
	for _, lost := range candidates {
		managed := slices.Clone(managedFields(o))
		for i, e := range managed {
			if !isApplied(base, e) || setFields(&managed[i], fieldsIn(e).Union(keysBelow(top, lost))) != nil {
				continue
			}
			if FieldsHash(base, &metav1.ObjectMeta{Generation: o.GetGeneration(), ManagedFields: managed}) == before {
				return lost
			}
		}
	}
	return nil
}

func keysBelow(top string, keys []string) *fieldpath.Set {
	set := fieldpath.NewSet()
	for _, key := range keys {
		set.Insert(fieldpath.MakePathOrDie(top, key))
	}
	return set
}
