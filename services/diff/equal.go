package diff

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// equal reports whether two values at path mean the same; nil is absent.
func equal(path fieldpath.Path, a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if value.Equals(value.NewValueInterface(a), value.NewValueInterface(b)) {
		return true
	}
	return isQuantity(path) && sameQuantity(a, b)
}

// isQuantity reports whether the field at path holds a quantity. Other texts, such as
// the tags 1.1 and 1.10 of an image, must not be read as one.
func isQuantity(path fieldpath.Path) bool {
	if root := fieldAt(path, 0); root == "metadata" || root == "data" || root == "stringData" {
		return false
	}
	last, parent := fieldAt(path, len(path)-1), fieldAt(path, len(path)-2)
	return slices.Contains([]string{"limits", "requests", "capacity", "hard", "overhead", "allocatedResources", "min", "max"}, parent) ||
		slices.Contains([]string{"cpu", "memory", "storage", "size", "sizeLimit", "divisor", "averageValue"}, last)
}

func sameQuantity(a, b any) bool {
	x, ok := quantityOf(a)
	y, alsoOK := quantityOf(b)
	return ok && alsoOK && x.Cmp(y) == 0
}

func quantityOf(v any) (q resource.Quantity, ok bool) {
	const longest = 64 // of a text that is worth reading
	switch v := v.(type) {
	case string:
		if len(v) > longest {
			return q, false
		}
		q, err := resource.ParseQuantity(v)
		return q, err == nil
	case int64:
		return *resource.NewQuantity(v, resource.DecimalSI), true
	}
	return q, false
}
