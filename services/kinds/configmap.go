package kinds

import (
	"encoding/base64"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
)

// maxDataSize is how much a ConfigMap may hold, in bytes.
const maxDataSize = 1 << 20

// configMap holds settings for workloads.
type configMap struct{ templated }

// Check reports keys that are no file names, and content that a cluster would
// not take.
func (k configMap) Check(n *Node) models.Problems {
	p := k.check(n)
	k.values(read(n, &p))
	return p
}

// Render returns the ConfigMap.
func (k configMap) Render(n *Node) ([]*unstructured.Unstructured, error) {
	return k.render(n, k.values(read(n, &models.Problems{})))
}

func (configMap) values(f fields) map[string]any {
	data, binary := f.stringMap("data"), f.stringMap("binaryData")
	size := 0
	for _, key := range slices.Sorted(maps.Keys(data)) {
		f.check(at("data", key), key, validator.DataKey)
		if _, twice := binary[key]; twice {
			f.addf(at("binaryData", key), "is a key of data, too")
		}
		size += len(data[key])
	}
	for _, key := range slices.Sorted(maps.Keys(binary)) {
		f.check(at("binaryData", key), key, validator.DataKey)
		raw, err := base64.StdEncoding.DecodeString(binary[key])
		if err != nil {
			f.addf(at("binaryData", key), "must be base64")
		}
		size += len(raw)
	}
	if size > maxDataSize {
		f.addf("data", "holds %d bytes; %d at most fit", size, maxDataSize)
	}
	return map[string]any{"data": data, "binaryData": binary, "immutable": f.flag("immutable")}
}
