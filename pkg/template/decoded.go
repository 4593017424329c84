package template

import (
	"crypto/sha256"
	"encoding/json"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kubeorch/core/pkg/limit"
)

// decodedBytes bounds what is kept of decoded texts: about 8,000 objects.
const decodedBytes = 8 << 20

// decodedTexts keeps what texts of templates came to. Reading YAML strictly into a type
// is most of the work of rendering, and drawings are rendered again and again with most
// of their nodes unchanged.
type decodedTexts struct{ byText *limit.Cache[[]byte] }

func newDecodedTexts() *decodedTexts { return &decodedTexts{limit.NewCache[[]byte](decodedBytes)} }

// objects returns the objects of the text of a template, which decode finds out. They
// belong to the caller.
func (d *decodedTexts) objects(
	id string, text []byte, decode func() ([]*unstructured.Unstructured, error),
) ([]*unstructured.Unstructured, error) {
	sum := sha256.Sum256(append([]byte(id+"\n"), text...))
	key := string(sum[:])
	if body, ok := d.byText.Get(key); ok {
		var plain []map[string]any
		if utiljson.Unmarshal(body, &plain) == nil {
			objs := make([]*unstructured.Unstructured, len(plain))
			for i := range plain {
				objs[i] = &unstructured.Unstructured{Object: plain[i]}
			}
			return objs, nil
		}
	}
	objs, err := decode()
	if err != nil {
		return nil, err
	}
	plain := make([]map[string]any, len(objs))
	for i, o := range objs {
		plain[i] = o.Object
	}
	if body, err := json.Marshal(plain); err == nil {
		d.byText.Put(key, body, len(key)+len(body))
	}
	return objs, nil
}
