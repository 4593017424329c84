package kinds

import (
	"fmt"

	"github.com/kubeorch/core/pkg/validator"
)

// claimTemplate is a claim that every pod of a statefulset gets for itself.
type claimTemplate struct {
	Name   string
	Labels map[string]string
	Spec   map[string]any

	mount mount
}

// claimTemplates reads volumeClaimTemplates.
func claimTemplates(f fields) []claimTemplate {
	var claims []claimTemplate
	names := map[string]bool{}
	for i, e := range f.objects("volumeClaimTemplates") {
		c := claimTemplate{Name: e.required("name", validator.Label), Spec: claimSpec(e), Labels: unreserved(e.labels("labels"))}
		if c.Name != "" && names[c.Name] {
			e.addf("name", "%q is used twice", c.Name)
			continue
		}
		names[c.Name] = true
		path, _ := e.text("mountPath").(string)
		if path == "" {
			path = "/data/" + c.Name
		}
		c.mount = mount{
			field: fmt.Sprintf("volumeClaimTemplates[%d].mountPath", i), source: fmt.Sprintf("volumeClaimTemplate %q", c.Name),
			volume: c.Name, path: path, subPath: e.text("subPath", subPath), readOnly: e.flag("readOnly"),
			block: e.data.String("volumeMode") == "Block",
		}
		claims = append(claims, c)
	}
	return claims
}

func claimSpec(e fields) map[string]any {
	modes := accessModes(e)
	storage := e.quantity("storage", validator.PositiveQuantity)
	if storage == nil {
		storage = "10Gi" // what a form offers
	}
	spec := map[string]any{"accessModes": modes, "resources": map[string]any{"requests": map[string]any{"storage": storage}}}
	set(spec, "storageClassName", e.text("storageClassName", validator.Subdomain))
	set(spec, "volumeMode", e.choice("volumeMode", "Filesystem", "Block"))
	return spec
}

func claimNames(claims []claimTemplate) []string {
	var names []string
	for _, c := range claims {
		names = append(names, c.Name)
	}
	return names
}
