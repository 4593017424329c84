package diff

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/kubeorch/core/models"
)

// lastApplied is where kubectl keeps a copy of the whole object.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// ownAnnotations begins the names of annotations that hold no values of Secrets.
const ownAnnotations = "kubeorch.io/"

// maxValue bounds a shown text, in bytes.
const maxValue = 1 << 10

// mask hides the values of a Secret, wherever they stand, and cuts long values.
type mask struct {
	secret bool
	hidden []string // values as they may stand in other fields
}

// maskFor returns the mask for what is shown of these objects.
func maskFor(objects ...*unstructured.Unstructured) (m mask) {
	for _, o := range objects {
		if !isSecret(o) {
			continue
		}
		m.secret = true
		for _, field := range []string{"data", "stringData"} {
			values, _ := o.Object[field].(map[string]any)
			for _, v := range values {
				m.hide(v)
			}
		}
	}
	return m
}

func isSecret(o *unstructured.Unstructured) bool {
	return o.GetKind() == "Secret" && !strings.Contains(o.GetAPIVersion(), "/")
}

func (m *mask) hide(v any) {
	const shortest = 4 // hiding shorter ones would garble what is shown, and tell what it hides
	text, _ := v.(string)
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		decoded = []byte(text)
	}
	quoted, _ := json.Marshal(string(decoded))
	forms := []string{
		text, string(decoded), strings.Trim(string(quoted), `"`), strings.TrimRight(base64.StdEncoding.EncodeToString(decoded), "="),
	}
	for _, form := range forms {
		if len(form) >= shortest {
			m.hidden = append(m.hidden, form)
		}
	}
}

// apply returns v as it may be shown for path: nil stays nil.
func (m mask) apply(path fieldpath.Path, v any) any {
	if v == nil {
		return nil
	}
	if m.covers(path) {
		return models.MaskedValue
	}
	return cut(m.within(path, v))
}

// covers reports whether nothing of the field may be shown.
func (m mask) covers(path fieldpath.Path) bool {
	root, name := fieldAt(path, 0), fieldAt(path, len(path)-1)
	annotation := root == "metadata" && fieldAt(path, 1) == "annotations" && len(path) > 2
	switch {
	case annotation && name == lastApplied:
		return true
	case !m.secret:
		return false
	case annotation:
		return !strings.HasPrefix(name, ownAnnotations)
	}
	return root == "data" || root == "stringData"
}

// within hides values within v, which is not changed.
func (m mask) within(path fieldpath.Path, v any) any {
	switch v := v.(type) {
	case map[string]any:
		shown := make(map[string]any, len(v))
		for name, field := range v {
			shown[name] = m.apply(below(path, fieldpath.FieldNameElement(name)), field)
		}
		return shown
	case []any:
		shown := make([]any, len(v))
		for i, one := range v {
			shown[i] = m.apply(below(path, fieldpath.IndexElement(i)), one)
		}
		return shown
	case string:
		for _, hidden := range m.hidden {
			if strings.Contains(v, hidden) {
				return models.MaskedValue
			}
		}
	}
	return v
}

// cut returns v, or the beginning of its text when that is long.
func cut(v any) any {
	text, isText := v.(string)
	if !isText {
		long, err := json.Marshal(v)
		if err == nil && len(long) <= maxValue {
			return v
		}
		text = string(long)
	}
	if len(text) <= maxValue {
		return v
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(text[:maxValue], ""), len(text))
}
