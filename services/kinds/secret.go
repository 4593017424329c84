package kinds

import (
	"fmt"
	"slices"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
)

// secret holds what must not be read. Its values are typed at run time and
// never part of a drawing.
type secret struct{ templateKind }

func newSecret(r renderer) Kind {
	return secret{templateKind{templated{TypeSecret, r}, validator.Label, secretValues}}
}

// Values tells that the Secret's keys are typed at run time.
func (k secret) Values(n *Node) *Values {
	objs, err := k.Render(n)
	if err != nil || len(objs) != 1 {
		return nil // Render reports why
	}
	return &Values{Object: objs[0], Keys: keyNames(read(n, &models.Problems{}))}
}

func secretValues(_ *Node, f fields) map[string]any {
	typ := f.text("secretType", validator.SecretType)
	if typ == nil {
		typ = "Opaque"
	}
	names := keyNames(f)
	for _, want := range validator.SecretKeys(typ.(string)) {
		if len(names) > 0 && !slices.Contains(names, want) {
			f.addf("keys", "must hold %q for a secret of type %s", want, typ)
		}
	}
	return map[string]any{"type": typ, "immutable": f.flag("immutable")}
}

// keyNames returns the names of a secret's keys in their order, without those
// that were not typed yet.
func keyNames(f fields) []string {
	names := []string{}
	for i, entry := range f.objects("keys") {
		name, _ := entry.text("name").(string)
		if placeholder(name) {
			continue
		}
		entry.check("name", name, validator.DataKey)
		if slices.Contains(names, name) {
			f.addf(fmt.Sprintf("keys[%d].name", i), "%q is used twice", name)
			continue
		}
		names = append(names, name)
	}
	return names
}
