package kinds

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// resources reads what a container may use at most, and what is kept for it.
func resources(f fields) map[string]any {
	r, _ := f.object("resources")
	limits, requests := r.quantities("limits"), r.quantities("requests")
	for name, limit := range limits {
		r.amount("limits."+name, name, limit)
	}
	for name, request := range requests {
		r.amount("requests."+name, name, request)
		r.request(name, request, limits[name])
	}
	out := map[string]any{}
	set(out, "limits", limits)
	set(out, "requests", requests)
	return out
}

// amount checks that a container can have so much of a resource.
func (f fields) amount(key, name, amount string) {
	switch q, err := resource.ParseQuantity(amount); {
	case !strings.Contains(name, "/") && !native(name):
		f.addf(key, "is no resource of containers; those of devices have a name like example.com/gpu")
	case err == nil && extended(name) && q.MilliValue()%1000 != 0:
		f.addf(key, "must be a whole number")
	}
}

// request checks an amount to keep against the limit, which may be missing.
// Only some resources can be promised more often than they are there.
func (f fields) request(name, request, limit string) {
	key := "requests." + name
	fixed := extended(name) || strings.HasPrefix(name, hugePages)
	if limit == "" {
		if fixed {
			f.addf(key, "needs the same limit")
		}
		return
	}
	asked, err := resource.ParseQuantity(request)
	most, err2 := resource.ParseQuantity(limit)
	switch {
	case err != nil || err2 != nil:
	case fixed && asked.Cmp(most) != 0:
		f.addf(key, "must be the same as the limit of %s", limit)
	case asked.Cmp(most) > 0:
		f.addf(key, "%s is more than the limit of %s", request, limit)
	}
}

const hugePages = "hugepages-"

func native(name string) bool {
	return slices.Contains([]string{"cpu", "memory", "ephemeral-storage"}, name) || strings.HasPrefix(name, hugePages)
}

// extended reports whether a resource is one that a device or an operator
// offers.
func extended(name string) bool {
	return strings.Contains(name, "/") && !strings.Contains(name, "kubernetes.io/")
}
